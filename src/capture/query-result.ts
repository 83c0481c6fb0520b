/** The content of the answer to an update or delete. */
export interface QueryResult {
  /** The server reports that it found nothing and inserted nothing. */
  readonly nothingWritten: boolean;
  /** How many documents were written, as far as is known. */
  readonly written: number;
  /** Ids of the documents in the answer, found or inserted by an upsert. */
  readonly ids: readonly unknown[];
}

/**
 * Reads the answer to `updateOne`, `updateMany`, `replaceOne`, `deleteOne` or `deleteMany`. A
 * skipped query has no answer.
 */
export function readUpdateResult(result: unknown): QueryResult {
  if (!isObject(result)) return { nothingWritten: true, written: 0, ids: [] };
  const {
    acknowledged,
    matchedCount = 0,
    deletedCount = 0,
    upsertedId,
  } = result as {
    acknowledged?: boolean;
    matchedCount?: number;
    deletedCount?: number;
    upsertedId?: unknown;
  };
  const ids = upsertedId === undefined || upsertedId === null ? [] : [upsertedId];
  const written = matchedCount + deletedCount + ids.length;
  // An unacknowledged write has no counts.
  return { nothingWritten: acknowledged === true && written === 0, written, ids };
}

/**
 * Reads the answer to a `findOneAnd…`: a document or part of one, an object around it with
 * `includeResultMetadata`, or nothing if none was found. An upsert with `new: false` that returns
 * nothing may have inserted an unknown document.
 */
export function readFindResult(
  result: unknown,
  options: Readonly<Record<string, unknown>>,
): QueryResult {
  const withMetadata = options['includeResultMetadata'] === true;
  const { value, lastErrorObject } = (
    withMetadata && isObject(result) ? result : { value: result }
  ) as { value?: unknown; lastErrorObject?: { upserted?: unknown } };
  const ids = [
    isObject(value) && '_id' in value ? value._id : undefined,
    lastErrorObject?.upserted,
  ].filter((id) => id !== undefined && id !== null);
  const nothingWritten = !isObject(value) && ids.length === 0 && options['upsert'] !== true;
  return { nothingWritten, written: nothingWritten ? 0 : 1, ids };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
