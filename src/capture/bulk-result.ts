import type { WriteEffect } from './nothing-written.js';

/** The result of a `bulkWrite`. */
export interface BulkResult {
  readonly insertedIds?: Readonly<Record<number, unknown>>;
  readonly upsertedIds?: Readonly<Record<number, unknown>>;
  readonly insertedCount?: number;
  readonly matchedCount?: number;
  readonly deletedCount?: number;
  readonly upsertedCount?: number;
}

/** How many documents it wrote. */
export function countWritten({
  insertedCount = 0,
  matchedCount = 0,
  deletedCount = 0,
  upsertedCount = 0,
}: BulkResult): number {
  return insertedCount + matchedCount + deletedCount + upsertedCount;
}

interface WriteError {
  readonly index: number;
  readonly code?: number;
}
interface BulkWriteError extends Error {
  readonly writeErrors?: WriteError | readonly WriteError[];
}

/**
 * What an error of several writes in one call shows about them. An answer of the server lists the
 * writes that failed.
 */
export function assessBulkError(
  error: unknown,
  writes: readonly object[],
  ordered: boolean,
): WriteEffect {
  if (!(error instanceof Error) || error.name !== 'MongoBulkWriteError') return 'unknown';
  return wereAllRefused(error, writes, ordered) ? 'nothing' : 'written';
}

/**
 * Whether the server refused all writes. An ordered call ends at its first error; an unordered
 * one lists all errors. The counts are not used, because servers count differently.
 */
function wereAllRefused(
  { writeErrors = [] }: BulkWriteError,
  writes: readonly object[],
  ordered: boolean,
): boolean {
  const refused = [writeErrors].flat();
  // An updateMany may write some documents before one of them is a duplicate.
  if (
    !refused.every(({ code, index }) => code === 11_000 && !('updateMany' in (writes[index] ?? {})))
  )
    return false;
  return ordered ? refused[0]?.index === 0 : refused.length === writes.length;
}
