import { SyncMediaError } from '../model/errors.js';
import { isSafePath } from '../replica/paths.js';
import type { Path } from '../model/path.js';
import { describeValue } from './describe-value.js';
import { placeError } from './option-definition.js';

/**
 * Normalises a sync dir for storage: relative to the root, without a leading `./` and trailing
 * slashes. Throws BAD_SYNC_DIR naming the value and `where` it was given if it is empty,
 * absolute, unsafe, or contains `.`, `..` or a backslash.
 */
export function normaliseSyncDir(value: unknown, where: string): Path {
  return placeError(where, () => parseSyncDir(value));
}

function parseSyncDir(value: unknown): Path {
  const refuse = (why: string): SyncMediaError =>
    new SyncMediaError(
      'BAD_SYNC_DIR',
      `the sync dir ${describeValue(value)} ${why}; give a directory below the root, ` +
        `like "uploads/photos".`,
    );
  if (typeof value !== 'string') throw refuse('is no string');
  const path = value
    .replace(/^(?:\.\/+)+/, '')
    .replace(/\/+$/, '')
    .replace(/\/{2,}/g, '/');
  if (value.startsWith('/')) throw refuse('is absolute');
  if (path === '' || path === '.') throw refuse('is the root itself');
  if (path.split('/').some((segment) => segment === '.' || segment === '..'))
    throw refuse('has `.` or `..` in it');
  if (path.includes('\\') || !isSafePath(path))
    throw refuse('has a backslash, a NUL or a name in it that cannot be used');
  return path;
}

/**
 * Normalises one or several sync dirs and removes duplicates. Throws BAD_SYNC_DIR, also for an
 * empty list.
 */
export function normaliseSyncDirs(value: unknown, where: string): Path[] {
  return placeError(where, () => parseSyncDirs(value));
}

/** As `normaliseSyncDirs`, for errors that name the place themselves. */
export function parseSyncDirs(value: unknown): Path[] {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0)
    throw new SyncMediaError(
      'BAD_SYNC_DIR',
      'no sync dir is given; give at least one, like "uploads/photos".',
    );
  return [...new Set(values.map((one) => parseSyncDir(one)))];
}
