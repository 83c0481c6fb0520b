import { getErrorMessage, SyncMediaError, type ErrorCode } from '../../model/errors.js';

/** Status codes of the SFTP protocol (draft-ietf-secsh-filexfer-02, section 7). */
export const sftpStatus = {
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  OP_UNSUPPORTED: 8,
} as const;

/** Returns the status of an SFTP server's answer; undefined for any other error. */
export function getSftpStatus(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number'
    ? error.code
    : undefined;
}

/**
 * Converts the error of an SFTP request. OpenSSH answers FAILURE for every error that has no
 * status of its own, a full disk included. Callers that need to know must ask again.
 */
export function toSftpError(error: unknown, doing: string): SyncMediaError {
  if (error instanceof SyncMediaError) return error;
  const known: Readonly<Record<number, readonly [ErrorCode, string]>> = {
    [sftpStatus.NO_SUCH_FILE]: [
      'TRANSFER_FAILED',
      'it, or the directory it lies in, is missing there',
    ],
    [sftpStatus.PERMISSION_DENIED]: [
      'PERMISSION_DENIED',
      'permission denied; check owner and mode there',
    ],
    [sftpStatus.BAD_MESSAGE]: ['BAD_PATH', 'the name is too long for that disk'],
    [sftpStatus.OP_UNSUPPORTED]: ['NO_SFTP', 'its SFTP server cannot do that'],
  };
  const code = getSftpStatus(error);
  if (code === undefined)
    return new SyncMediaError(
      'HOST_UNREACHABLE',
      `${doing}: the connection broke (${getErrorMessage(error)}).`,
      { cause: error },
    );
  const [meant, why] = known[code] ?? ['TRANSFER_FAILED', getErrorMessage(error)];
  return new SyncMediaError(meant, `${doing}: ${why}.`, { cause: error });
}
