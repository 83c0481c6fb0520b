/** What the answer to an update or delete says. */
export interface QueryResult {
  /** The server says that it found nothing and inserted nothing. */
  readonly nothingWritten: boolean;
  /** How many documents were written, as far as is known. */
  readonly written: number;
  /** Of the documents that the answer names: found, or inserted by an upsert. */
  readonly ids: readonly unknown[];
}

/** The answer to `updateOne`, `updateMany`, `replaceOne`, `deleteOne` or `deleteMany`; none where the query was skipped. */
export function readCounts(result: unknown): QueryResult {
  if (!isObject(result)) return { nothingWritten: true, written: 0, ids: [] };
  const { acknowledged, matchedCount = 0, deletedCount = 0, upsertedId } = result as
    { acknowledged?: boolean; matchedCount?: number; deletedCount?: number; upsertedId?: unknown };
  const ids = upsertedId === undefined || upsertedId === null ? [] : [upsertedId];
  const written = matchedCount + deletedCount + ids.length;
  // An unacknowledged write counts nothing.
  return { nothingWritten: acknowledged === true && written === 0, written, ids };
}

/**
 * The answer to a `findOneAnd…`: a document, whole or not; with `includeResultMetadata` an object around it;
 * nothing, where none was found. An upsert that answers with nothing (`new: false`) may have inserted a document that is not known.
 */
export function readFound(result: unknown, options: Readonly<Record<string, unknown>>): QueryResult {
  const withMetadata = options['includeResultMetadata'] === true;
  const { value, lastErrorObject } = (withMetadata && isObject(result) ? result : { value: result }) as
    { value?: unknown; lastErrorObject?: { upserted?: unknown } };
  const ids = [isObject(value) && '_id' in value ? value._id : undefined, lastErrorObject?.upserted].filter((id) => id !== undefined && id !== null);
  const nothingWritten = !isObject(value) && ids.length === 0 && options['upsert'] !== true;
  return { nothingWritten, written: nothingWritten ? 0 : 1, ids };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
