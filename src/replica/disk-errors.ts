import { getErrorMessage, SyncMediaError, type ErrorCode } from '../model/errors.js';
import { quotePath } from './paths.js';

const errnoMeanings: Readonly<Record<string, { code: ErrorCode; remedy: string } | undefined>> = {
  ENOSPC: { code: 'DISK_FULL', remedy: 'no space is left on the disk' },
  EDQUOT: { code: 'DISK_FULL', remedy: 'the disk quota is used up' },
  EACCES: { code: 'PERMISSION_DENIED', remedy: 'permission denied; check its owner and mode' },
  EPERM: { code: 'PERMISSION_DENIED', remedy: 'not permitted; check its owner and mode' },
  EROFS: { code: 'PERMISSION_DENIED', remedy: 'the file system is mounted read-only' },
  ELOOP: { code: 'SYMLINK_IN_PATH', remedy: 'a symlink is in the way' },
  ENOTDIR: { code: 'NOT_A_FILE', remedy: 'something other than a directory is in the way' },
  EISDIR: { code: 'NOT_A_FILE', remedy: 'a directory is in the way' },
  ENXIO: { code: 'NOT_A_FILE', remedy: 'it is no regular file' },
  ENAMETOOLONG: { code: 'BAD_PATH', remedy: 'the name is too long for this disk' },
};

/** Turns a system error into a SyncMediaError. A SyncMediaError stays as it is. */
export function toDiskError(error: unknown, doing: string, path: string): SyncMediaError {
  if (error instanceof SyncMediaError) return error;
  const code = errnoMeanings[getErrno(error) ?? '']?.code ?? 'TRANSFER_FAILED';
  return new SyncMediaError(code, `${doing} ${quotePath(path)}: ${explainError(error)}.`, {
    cause: error,
  });
}

export function explainError(error: unknown): string {
  return errnoMeanings[getErrno(error) ?? '']?.remedy ?? getErrorMessage(error);
}

/** Returns the system's error name, such as `ENOENT`. */
export function getErrno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/**
 * Whether the error says that nothing is there. That includes a missing directory on the way, a
 * file in the place of one, and a name that is too long to exist.
 */
export function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(getErrno(error) ?? '');
}
