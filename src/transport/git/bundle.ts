import { formatDay } from '../../model/clock.js';
import { SyncMediaError } from '../../model/errors.js';
import { readOutput } from './output.js';
import { requireExit, type Repository } from './repository.js';

/**
 * Writes the days since `since` of all hosts as one file: `git bundle`.
 *
 * @throws NOT_RECORDED if there is none: git reads no empty bundle
 */
export async function* writeBundle(
  repository: Repository,
  since: Date,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const first = formatDay(since);
  const days = (await repository.listDays(signal)).filter(({ day }) => day >= first);
  if (days.length === 0)
    throw new SyncMediaError(
      'NOT_RECORDED',
      `the history of this host has no day since ${first}: choose an earlier one`,
    );
  const refs = days.map(({ ref }) => ref);
  const git = repository.start(['bundle', 'create', '--quiet', '-', ...refs], signal);
  git.stdin.end();
  try {
    yield* readOutput(git);
  } finally {
    if (!git.stdout.readableEnded) git.end('abort');
    await git.exited;
  }
  requireExit('writing a bundle', await git.exited);
}
