import { assessBulkError } from './bulk-result.js';
import type { DriverOptions } from './driver-options.js';
import type { DriverCall } from './guard-collection.js';
import type { Operation } from './operation.js';
import { SavedDocuments } from './saved-documents.js';

/** Captures an `insertMany`: each document as the driver receives it. */
export async function captureInsertMany(
  operation: Operation,
  { args }: DriverCall,
  { ordered }: DriverOptions,
  write: () => Promise<unknown>,
): Promise<unknown> {
  const documents = args[0] as readonly object[];
  // With `lean`, Mongoose leaves it to the driver to refuse values that are no documents.
  const saved = new SavedDocuments(
    operation,
    documents.filter((document) => typeof document === 'object' && document !== null),
  );
  const { result } = await operation.announceAndWrite(await saved.listBefore([]), write, {
    fromError: (error) => assessBulkError(error, documents, ordered !== false),
    fromResult: () => 'written',
  });
  try {
    await operation.conclude(await saved.listAfter());
  } catch (error) {
    throw markAllWritten(error);
  }
  return result;
}

/**
 * Mongoose takes any error of the call for the driver's, and documents for not inserted unless
 * `writeErrors` says which ones failed. With an empty list it reports all of them to the app in
 * `insertedDocs`.
 */
function markAllWritten(error: unknown): unknown {
  return error instanceof Error && !('writeErrors' in error)
    ? Object.assign(error, { writeErrors: [] })
    : error;
}
