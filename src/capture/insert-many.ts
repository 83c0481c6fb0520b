import { judgeBulkError } from './bulk-result.js';
import type { DriverOptions } from './driver-options.js';
import type { DriverCall } from './guard-collection.js';
import type { Operation } from './operation.js';
import { SavedDocuments } from './saved-documents.js';

/** Captures an `insertMany`: each document that is inserted, as the driver is given it. */
export async function captureInsertMany(operation: Operation, { args }: DriverCall, { ordered }: DriverOptions, write: () => Promise<unknown>): Promise<unknown> {
  const documents = args[0] as readonly object[];
  // With `lean` Mongoose leaves it to the driver to refuse what is no document.
  const saved = new SavedDocuments(operation, documents.filter((document) => typeof document === 'object' && document !== null));
  const { result } = await operation.announceAndWrite(await saved.listBefore([]), write, {
    ofError: (error) => judgeBulkError(error, documents, ordered !== false),
    ofResult: () => 'written',
  });
  try {
    await operation.conclude(await saved.listAfter());
  } catch (error) {
    throw sayAllWereWritten(error);
  }
  return result;
}

/**
 * Mongoose takes what the driver's call throws for the driver's error, and documents for not inserted unless that lists which were not.
 * It then tells the app in `insertedDocs` that all are there.
 */
function sayAllWereWritten(error: unknown): unknown {
  return error instanceof Error && !('writeErrors' in error) ? Object.assign(error, { writeErrors: [] }) : error;
}
