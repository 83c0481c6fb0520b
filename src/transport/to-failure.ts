import { getErrorMessage, SyncMediaError, type ErrorCode } from '../model/errors.js';
import type { Change, DeliveryOutcome } from '../model/change.js';
import type { Failure } from '../model/failure.js';

/** The path itself is at fault. Trying again changes nothing. */
const FOR_GOOD: readonly ErrorCode[] = ['BAD_PATH', 'NOT_A_FILE', 'SYMLINK_IN_PATH'];

/** Failures of the host, even if they come up while one path is worked on. */
const OF_HOST: readonly ErrorCode[] = [
  'HOST_UNREACHABLE',
  'HOST_KEY_MISMATCH',
  'AUTH_FAILED',
  'TIMED_OUT',
  'NO_SFTP',
  'REPLY_TOO_LARGE',
  'NO_MARKER',
  'MISSING_PROGRAM',
  'BAD_KEY',
  'BAD_OPTION',
  'BAD_STATE',
  'CANCELLED',
  'CLOSED',
];

/** Converts an error to a failure of the host, or of the path that was worked on. */
export function toFailure(error: unknown, scope: Failure['scope']): Failure {
  const code = error instanceof SyncMediaError ? error.code : 'TRANSFER_FAILED';
  return {
    code,
    message: getErrorMessage(error),
    retryable: !FOR_GOOD.includes(code),
    scope: OF_HOST.includes(code) ? 'host' : scope,
  };
}

/** Throws a returned failure, if the contract wants an error. */
export function throwFailure({ code, message }: Failure): never {
  throw new SyncMediaError(code, message);
}

/** The outcome of a change that failed: refused if trying again changes nothing. */
export function makeFailedOutcome(change: Change, via: string, failure: Failure): DeliveryOutcome {
  return { change, via, bytes: 0, result: failure.retryable ? 'failed' : 'refused', failure };
}

export function makeCancelledFailure(): Failure {
  return {
    code: 'CANCELLED',
    message: 'It was cancelled; files that were being sent may still arrive.',
    retryable: true,
    scope: 'host',
  };
}
