import type { ErrorCode } from '../../model/errors.js';
import { quotePath } from '../../replica/paths.js';
import { formatAddress, type SshAddress } from '../ssh/address.js';
import type { Failure } from '../../model/failure.js';
import { makeCancelledFailure } from '../to-failure.js';
import { decodeRsyncName } from './itemized.js';
import type { RsyncExit } from './rsync-process.js';
import { describeInstallation } from '../../model/packages.js';

/**
 * Exit codes of partial transfers, after which each path must be verified. 11 is an error of file
 * I/O, for example a full disk.
 */
const OF_PATHS: readonly (number | null)[] = [0, 11, 23, 24];

const PERMISSION_DENIED_TEXT = /Permission denied|Operation not permitted|Read-only file system/;
const DISK_FULL_TEXT = /No space left on device|Dis[ck] quota exceeded/;

/**
 * Derives a failure of the whole host from how rsync ended; undefined if it only concerns paths.
 */
export function findHostFailure(
  { code, stderr, endedBy }: RsyncExit,
  host: SshAddress,
): Failure | undefined {
  const name = formatAddress(host);
  const fail = (errorCode: ErrorCode, message: string): Failure => ({
    code: errorCode,
    message,
    retryable: true,
    scope: 'host',
  });
  if (endedBy === 'abort') return makeCancelledFailure();
  if (endedBy === 'no rsync')
    return fail(
      'MISSING_PROGRAM',
      `rsync cannot be started on this host: ${describeInstallation('rsync')}.`,
    );
  if (endedBy === 'silence')
    return fail('TIMED_OUT', `rsync with ${name} went silent and was ended.`);
  if (OF_PATHS.includes(code)) return undefined;
  // A receiver that ends with 11 breaks the connection, and the sender may notice that first.
  if (code === 12 && DISK_FULL_TEXT.test(stderr)) return undefined;
  if (
    /Host key verification failed|HOST IDENTIFICATION HAS CHANGED|o matching host key/.test(stderr)
  ) {
    return fail(
      'HOST_KEY_MISMATCH',
      `${name} shows another host key than the pinned ones. If its sshd got new keys, run ` +
        `\`syncmedia init\` there; else somebody else answers.`,
    );
  }
  if (/Permission denied \([a-z]/.test(stderr))
    return fail(
      'AUTH_FAILED',
      `${name} does not accept our key: it belongs into that user's authorized_keys.`,
    );
  if (/^syncmedia-gate: /m.test(stderr))
    return fail(
      'PERMISSION_DENIED',
      `${name} refuses what rsync asks for: ${summariseStderr(stderr)}`,
    );
  if (/Failed to exec ssh/.test(stderr))
    return fail('MISSING_PROGRAM', `ssh is missing on this host: ${describeInstallation('ssh')}.`);
  if (code === 127 || code === 126)
    return fail(
      'MISSING_PROGRAM',
      `rsync is missing on ${name}: ${describeInstallation('rsync', 'there')}.`,
    );
  const summary = summariseStderr(stderr);
  if (PERMISSION_DENIED_TEXT.test(stderr))
    return fail('PERMISSION_DENIED', `rsync with ${name} lacks a permission: ${summary}`);
  if (code === 30 || code === 35)
    return fail('TIMED_OUT', `rsync with ${name} went silent: ${summary}`);
  if (code === 12 || code === 255 || code === 10)
    return fail('HOST_UNREACHABLE', `The connection to ${name} failed or broke: ${summary}`);
  return fail(
    'TRANSFER_FAILED',
    `rsync with ${name} failed ` +
      `(${code === null ? 'ended by a signal' : `exit ${String(code)}`}): ${summary}`,
  );
}

/** Whether a call ended before it had tried all its paths. */
export function isEndedEarly({ code }: RsyncExit): boolean {
  return code === 11 || code === 12;
}

/**
 * Says why the file at `rest`, relative to the sync dir, did not arrive. `named`: rsync named
 * that very file.
 */
export function explainMissingFile(
  { stderr }: RsyncExit,
  rest: string,
): { failure: Failure; named: boolean } {
  const name = rest.slice(rest.lastIndexOf('/') + 1);
  const lines = stderr.split('\n').filter((line) => line.startsWith('rsync: '));
  const about = lines.find((line) => {
    const file = decodeRsyncName(/"(.*)"/.exec(line)?.[1] ?? '');
    // rsync's temporary file is `.name.random`; it cuts a long name.
    return (
      file !== undefined &&
      (file === rest ||
        file.endsWith(`/${rest}`) ||
        file.slice(file.lastIndexOf('/') + 1).startsWith(`.${name}.`))
    );
  });
  const line = about ?? lines[0] ?? stderr;
  const code: ErrorCode = DISK_FULL_TEXT.test(line)
    ? 'DISK_FULL'
    : PERMISSION_DENIED_TEXT.test(line)
      ? 'PERMISSION_DENIED'
      : 'TRANSFER_FAILED';
  return {
    failure: {
      code,
      message: `${quotePath(rest)} did not arrive: ${summariseStderr(line)}`,
      retryable: true,
      scope: 'path',
    },
    named: about !== undefined,
  };
}

/** Returns the first lines of stderr, without the one that only repeats the exit code. */
export function summariseStderr(stderr: string): string {
  const lines = stderr
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('rsync error: '));
  return (
    (lines.length === 0 ? stderr.trim() : lines.slice(0, 3).join('; ')).slice(0, 500) ||
    'it gave no reason'
  );
}
