import type { Verdict } from './nothing-written.js';

/** What a `bulkWrite` answered. */
export interface BulkResult {
  readonly insertedIds?: Readonly<Record<number, unknown>>;
  readonly upsertedIds?: Readonly<Record<number, unknown>>;
  readonly insertedCount?: number;
  readonly matchedCount?: number;
  readonly deletedCount?: number;
  readonly upsertedCount?: number;
}

/** How many documents it wrote. */
export function countWritten({ insertedCount = 0, matchedCount = 0, deletedCount = 0, upsertedCount = 0 }: BulkResult): number {
  return insertedCount + matchedCount + deletedCount + upsertedCount;
}

interface WriteError { readonly index: number; readonly code?: number }
interface BulkWriteError extends Error { readonly writeErrors?: WriteError | readonly WriteError[] }

/** What an error of several writes in one call says of them: an answer of the server lists those that failed. */
export function judgeBulkError(error: unknown, writes: readonly object[], ordered: boolean): Verdict {
  if (!(error instanceof Error) || error.name !== 'MongoBulkWriteError') return 'unknown';
  return refusedAll(error, writes, ordered) ? 'nothing' : 'written';
}

/** Whether all writes were refused: an ordered call ends at its first error, an unordered one lists all. Its counts are not trusted: servers differ. */
function refusedAll({ writeErrors = [] }: BulkWriteError, writes: readonly object[], ordered: boolean): boolean {
  const refused = [writeErrors].flat();
  // Of an updateMany some documents may be written before one is a duplicate.
  if (!refused.every(({ code, index }) => code === 11_000 && !('updateMany' in (writes[index] ?? {})))) return false;
  return ordered ? refused[0]?.index === 0 : refused.length === writes.length;
}
