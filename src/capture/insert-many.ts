import type { CaptureContent } from './make-captures.js';
import { isDuplicateKey } from './nothing-written.js';
import type { Operation } from './operation.js';
import { maxDocuments, Remembered } from './remembered.js';
import { SavedDocuments } from './saved-documents.js';
import { listUpdateNames } from './update-names.js';

/**
 * Captures an `insertMany`. Before, its documents have no `_id` yet and no defaults: what they name is announced for all of them
 * together; after it each has its own capture.
 */
export async function captureInsertMany(operation: Operation, given: unknown, insert: () => Promise<unknown>): Promise<unknown> {
  const documents: unknown[] = Array.isArray(given) ? given : [given];
  const names = documents.slice(0, maxDocuments).map((document) => listUpdateNames(document, operation.options));
  const remembered = new Remembered(operation);
  remembered.complete = documents.length <= maxDocuments;
  await operation.announce(await remembered.listBefore({
    strings: names.flatMap(({ strings }) => strings), complete: names.every(({ complete }) => complete),
  }));
  let result: unknown;
  try {
    result = await insert();
  } catch (error) {
    await settleFailure(operation, error);
    throw error;
  }
  await operation.conclude(await listInserted(operation, remembered, result));
  return result;
}

/** The inserted documents; with `rawResult` their ids alone. */
async function listInserted(operation: Operation, remembered: Remembered, result: unknown): Promise<CaptureContent[]> {
  if (Array.isArray(result)) return new SavedDocuments(operation, result as object[]).listAfter();
  const { insertedIds = {} } = result as { insertedIds?: Record<number, unknown> };
  for (const id of Object.values(insertedIds)) remembered.include(id);
  return remembered.listAfter();
}

/** Some documents may be there: what was announced counts at once, unless the answer says that none is. */
async function settleFailure(operation: Operation, error: unknown): Promise<void> {
  const inserted: unknown = error instanceof Error && 'insertedDocs' in error ? error.insertedDocs : undefined;
  if (Array.isArray(inserted) && inserted.length === 0 && isDuplicateKey(error)) await operation.withdraw(error);
  else if (Array.isArray(inserted) && inserted.length > 0) operation.handOver();
}
