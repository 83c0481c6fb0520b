import { type BulkResult, countWritten, judgeBulkError } from './bulk-result.js';
import type { PlainDocument } from './capturing.js';
import type { DocumentStrings } from './document-strings.js';
import type { DriverOptions } from './driver-options.js';
import type { DriverCall } from './guard-collection.js';
import type { Operation } from './operation.js';
import { maxDocuments, Remembered } from './remembered.js';
import { listUpdateNames } from './update-names.js';

/** One operation of a `bulkWrite`: its name and its parameters. */
type Write = Readonly<
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
const filtersAtOnce = 100;

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
  const writes = (args[0] as readonly unknown[]).filter(isWrite);
  const keeps = writes.filter((one) => !('deleteOne' in one || 'deleteMany' in one));
  if (keeps.length === 0 && !operation.propagates) return write();
  const remembered = new Remembered(operation);
  await lookUp(remembered, operation.propagates ? writes : keeps);
  const { result, nothing } = await operation.announceAndWrite(
    await remembered.listBefore(listWriteNames(operation, keeps)),
    write,
    {
      ofError: (error) => judgeBulkError(error, writes, ordered !== false),
      ofResult: (answer) => (countWritten(answer as BulkResult) === 0 ? 'nothing' : 'written'),
    },
    { sweeps: keeps.length > 0 },
  );
  if (!nothing) await conclude(operation, remembered, result as BulkResult);
  return result;
}

async function conclude(
  operation: Operation,
  remembered: Remembered,
  { insertedIds = {}, upsertedIds = {}, matchedCount = 0 }: BulkResult,
): Promise<void> {
  if (matchedCount > remembered.size) remembered.complete = false;
  for (const id of [...Object.values(insertedIds), ...Object.values(upsertedIds)])
    remembered.include(id);
  await operation.conclude(await remembered.listAfter());
}

async function lookUp(remembered: Remembered, writes: readonly Write[]): Promise<void> {
  const filters = writes.flatMap((one) => Object.values(one)).flatMap(({ filter }) => filter ?? []);
  for (let at = 0; at < filters.length && remembered.size < maxDocuments; at += filtersAtOnce) {
    await remembered.read({ $or: filters.slice(at, at + filtersAtOnce) });
  }
}

/** The strings of its inserts, updates and replacements, and of the filters of its upserts. */
function listWriteNames({ options }: Operation, writes: readonly Write[]): DocumentStrings {
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

function isWrite(given: unknown): given is Write {
  return (
    typeof given === 'object' &&
    given !== null &&
    Object.values(given).every((one) => typeof one === 'object' && one !== null)
  );
}
