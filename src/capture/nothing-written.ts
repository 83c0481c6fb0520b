import type { DriverCall } from './guard-collection.js';

/** What is known about a write after the driver has answered. */
export type WriteEffect = 'written' | 'nothing' | 'unknown';

/**
 * What the driver's error shows about a write of one document. Only a duplicate key proves that
 * nothing was written. With many documents, some may be written before one is a duplicate.
 */
export function assessWriteError(
  error: unknown,
  { method }: Pick<DriverCall, 'method'>,
): WriteEffect {
  return isDuplicateKey(error) && !method.endsWith('Many') ? 'nothing' : 'unknown';
}

/**
 * Whether the error is the driver's, or Mongoose's own about the connection, even if a hook
 * wrapped it. ValidationError, VersionError and others have other names.
 */
export function isConnectionError(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at.name.startsWith('Mongo')) return true;
  }
  return false;
}

function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 11_000;
}
