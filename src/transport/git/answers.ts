import { SyncMediaError, type ErrorCode } from '../../model/errors.js';
import type { GitExit } from './git-process.js';

/** The first git with `core.fsync`, which flushes objects and refs. */
export const oldestGit: readonly [number, number, number] = [2, 36, 0];

const INSTALL = 'install git 2.36 or newer (`apt-get install git`)';

/** Returns the error of a git that failed. */
export function explainExit(doing: string, { code, stderr, endedBy }: GitExit): SyncMediaError {
  const fail = (errorCode: ErrorCode, message: string): SyncMediaError =>
    new SyncMediaError(errorCode, message);
  if (endedBy === 'abort') return fail('CANCELLED', `${doing} was cancelled.`);
  if (endedBy === 'no git') return makeMissingGitError();
  if (endedBy === 'silence') return fail('TIMED_OUT', `git went silent while ${doing}.`);
  if (endedBy === 'slowness') return fail('TIMED_OUT', `${doing} took too long.`);
  if (endedBy === 'too much output')
    return fail('HISTORY_FAILED', `git printed more than expected while ${doing}.`);
  const summary = summariseStderr(stderr);
  // A pack that finds no room has words of its own.
  if (/No space left on device|Out of diskspace|Dis[ck] quota exceeded/.test(stderr))
    return fail('DISK_FULL', `The disk of the history is full (${doing}): ${summary}`);
  return fail(
    'HISTORY_FAILED',
    `git failed while ${doing} (${code === null ? 'ended by a signal' : `exit ${String(code)}`})` +
      `: ${summary}`,
  );
}

export function makeMissingGitError(version?: string): SyncMediaError {
  const what =
    version === undefined
      ? 'git is missing on this host'
      : `git ${version} of this host is too old for the history`;
  return new SyncMediaError('MISSING_PROGRAM', `${what}: ${INSTALL}.`);
}

/** Returns the lines of stderr that say why, without git's advice. */
export function summariseStderr(stderr: string): string {
  const lines = stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(hint|fast-import: dumping|To )/.test(line));
  return lines.slice(0, 3).join('; ').slice(0, 500) || 'it gave no reason';
}
