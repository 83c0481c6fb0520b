import { readCommits } from '../git/list.js';
import { parseMessage } from '../git/message.js';
import type { Repository } from '../git/repository.js';
import { makeKey, type AnnexKey } from './key.js';

/** Messages are read in parts, so that memory stays bounded. */
const COMMITS_AT_ONCE = 1_000;
/** Bytes of a list of commits: enough for three million. */
const MAX_LIST = 128 * 1024 * 1024;

/**
 * Lists the contents that a part of the history refers to: files that git only names, since they
 * are too large for it.
 *
 * @param revisions as `git log` takes them
 */
export async function listReferences(
  history: Repository,
  revisions: readonly string[],
  signal: AbortSignal,
): Promise<Set<AnnexKey>> {
  const found = new Set<AnnexKey>();
  if (revisions.length === 0 || !(await history.exists())) return found;
  const { output } = await history.run(
    ['log', '--ignore-missing', '-s', '--no-renames', '--format=%H', ...revisions, '--', 'named'],
    { signal, doing: 'looking for large files of the history', maxOutput: MAX_LIST },
  );
  const commits = output
    .toString('latin1')
    .split('\n')
    .filter((part) => /^[0-9a-f]{40,64}$/.test(part));
  for (let at = 0; at < commits.length; at += COMMITS_AT_ONCE) {
    const part = commits.slice(at, at + COMMITS_AT_ONCE);
    for await (const { message } of readCommits(history, part, signal))
      for (const { as, info } of parseMessage(message).versions) {
        const key = as === 'named' && info ? makeKey(info) : undefined;
        if (key) found.add(key);
      }
  }
  return found;
}
