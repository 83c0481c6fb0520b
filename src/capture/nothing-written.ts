import type { DriverCall } from './guard-collection.js';

/** What is known of a write once the driver has answered. */
export type Verdict = 'written' | 'nothing' | 'unknown';

/** What the driver's error says of a write of one document: a duplicate key alone proves that nothing is there. Of many, some may be written before one is a duplicate. */
export function judgeError(error: unknown, { method }: Pick<DriverCall, 'method'>): Verdict {
  return isDuplicateKey(error) && !method.endsWith('Many') ? 'nothing' : 'unknown';
}

/** The driver's errors and Mongoose's own about the connection, also where a hook wrapped them; ValidationError, VersionError … have other names. */
export function isOfConnection(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at.name.startsWith('Mongo')) return true;
  }
  return false;
}

function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 11_000;
}
