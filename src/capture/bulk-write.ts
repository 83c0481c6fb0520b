import { type BulkResult, countWritten, assessBulkError } from './bulk-result.js';
import type { PlainDocument } from './capturing.js';
import type { DocumentStrings } from './document-strings.js';
import type { DriverOptions } from './driver-options.js';
import type { DriverCall } from './guard-collection.js';
import type { Operation } from './operation.js';
import { maxDocuments, RememberedDocuments } from './remembered.js';
import { listUpdateNames } from './update-names.js';

/** One operation of a `bulkWrite`: its name and its parameters. */
type BulkWriteOperation = Readonly<
  Record<
    string,
    {
      readonly document?: unknown;
      readonly filter?: PlainDocument;
      readonly update?: unknown;
      readonly replacement?: unknown;
      readonly upsert?: boolean;
    }
  >
>;

/** How many filters one query looks up. */
const maxFiltersPerQuery = 100;

/**
 * Captures a `bulkWrite`. The documents are looked up before it, because its own operations may
 * change which documents its filters find.
 */
export async function captureBulkWrite(
  operation: Operation,
  { args }: DriverCall,
  { ordered }: DriverOptions,
  write: () => Promise<unknown>,
): Promise<unknown> {
  const writes = (args[0] as readonly unknown[]).filter(isBulkWriteOperation);
  const keeps = writes.filter((one) => !('deleteOne' in one || 'deleteMany' in one));
  if (keeps.length === 0 && !operation.propagates) return write();
  const remembered = new RememberedDocuments(operation);
  await lookUpFilters(remembered, operation.propagates ? writes : keeps);
  const { result, nothing } = await operation.announceAndWrite(
    await remembered.listBefore(listWriteNames(operation, keeps)),
    write,
    {
      fromError: (error) => assessBulkError(error, writes, ordered !== false),
      fromResult: (answer) => (countWritten(answer as BulkResult) === 0 ? 'nothing' : 'written'),
    },
    { rescans: keeps.length > 0 },
  );
  if (!nothing) await concludeBulkWrite(operation, remembered, result as BulkResult);
  return result;
}

async function concludeBulkWrite(
  operation: Operation,
  remembered: RememberedDocuments,
  { insertedIds = {}, upsertedIds = {}, matchedCount = 0 }: BulkResult,
): Promise<void> {
  if (matchedCount > remembered.size) remembered.complete = false;
  for (const id of [...Object.values(insertedIds), ...Object.values(upsertedIds)])
    remembered.include(id);
  await operation.conclude(await remembered.listAfter());
}

async function lookUpFilters(
  remembered: RememberedDocuments,
  writes: readonly BulkWriteOperation[],
): Promise<void> {
  const filters = writes.flatMap((one) => Object.values(one)).flatMap(({ filter }) => filter ?? []);
  for (
    let at = 0;
    at < filters.length && remembered.size < maxDocuments;
    at += maxFiltersPerQuery
  ) {
    await remembered.read({ $or: filters.slice(at, at + maxFiltersPerQuery) });
  }
}

/** The strings of its inserts, updates and replacements, and of the filters of its upserts. */
function listWriteNames(
  { options }: Operation,
  writes: readonly BulkWriteOperation[],
): DocumentStrings {
  const parts = writes
    .slice(0, maxDocuments)
    .flatMap((one) => Object.values(one))
    .flatMap(({ document, update, replacement, filter, upsert }) => [
      ...[document, update, replacement].filter((part) => part !== undefined),
      ...(upsert === true ? [filter] : []),
    ])
    .map((part) => listUpdateNames(part, options));
  return {
    strings: parts.flatMap(({ strings }) => strings),
    complete: writes.length <= maxDocuments && parts.every(({ complete }) => complete),
  };
}

function isBulkWriteOperation(given: unknown): given is BulkWriteOperation {
  return (
    typeof given === 'object' &&
    given !== null &&
    Object.values(given).every((one) => typeof one === 'object' && one !== null)
  );
}
