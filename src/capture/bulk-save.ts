import { isBulkWriteError } from './bulk-result.js';
import type { Operation } from './operation.js';
import { SavedDocuments } from './saved-documents.js';

/** Whether the `bulkWrite` of a `bulkSave` was begun. */
export interface BulkSave { begun: boolean }

/** Captures a `bulkSave` once, for its save hooks and its `bulkWrite`. */
export async function captureBulkSave(operation: Operation, documents: readonly object[], save: (bulk: BulkSave) => Promise<unknown>): Promise<unknown> {
  const saved = new SavedDocuments(operation, documents);
  const bulk: BulkSave = { begun: false };
  await operation.announce(await saved.listBefore());
  let result: unknown;
  try {
    result = await save(bulk);
  } catch (error) {
    if (!bulk.begun) await operation.withdraw(error);
    else if (isBulkWriteError(error)) operation.handOver();
    throw error;
  }
  await operation.conclude(await saved.listAfter());
  return result;
}
