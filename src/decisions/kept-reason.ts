import type { Entry } from '../model/entry.js';
import type { FileInfo } from '../model/file.js';
import { haveSameSizeAndTime } from './file-state.js';

/** Why a file lies in the conflicts, as far as its size and date tell. */
export function explainConflict(entry: Entry | undefined, kept: FileInfo): string {
  if (!entry) return 'the ledger does not know the path';
  const version = entry.superseded.find((one) => haveSameSizeAndTime(one, kept));
  if (version) return version.conflicting ? 'saved on two hosts at once' : 'an older version';
  return entry.kind === 'tombstone'
    ? 'other bytes than those that were deleted'
    : 'bytes that the ledger does not know';
}

/**
 * Whether a conflict may have the bytes of the current version, so that only its content can tell.
 */
export function mayBeSameBytes(entry: Entry | undefined, size: number): entry is Entry {
  return entry?.info?.sha256 !== undefined && entry.info.size === size;
}
