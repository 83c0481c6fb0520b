import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Path } from '../../model/path.js';
import { readCommits } from './list.js';
import { deleteRefs, packObjects } from './maintain.js';
import { removeFromMessage } from './message.js';
import { listTreeFolders, quoteName } from './names.js';
import { requireExit, type HistoryDay, type Repository } from './repository.js';

/** A commit with the names and blobs that it added. */
interface ReplayedCommit {
  readonly commit: string;
  /** When it was recorded, by the clock of its host, in seconds since the epoch. */
  readonly recordedAt: number;
  readonly added: readonly { readonly name: string; readonly blob: string }[];
}

/**
 * Removes a path from the history: writes the days that contain it anew, without it. The result
 * depends on the commits and `until` alone. So all hosts get the same chains, and continue to
 * share them.
 *
 * @param until versions that were recorded later stay, so that the request may be carried out
 *   again
 */
export async function forgetPath(
  repository: Repository,
  path: Path,
  until: Date,
  signal: AbortSignal,
): Promise<void> {
  const untilSeconds = until.getTime() / 1000;
  const oldTips: string[] = [];
  const folders = listTreeFolders(path);
  // A longer path begins like this one: `a/b` is no version of `a`.
  const isOfPath = (name: string): boolean =>
    folders.some(
      (folder) => name.startsWith(`${folder}/`) && !name.slice(folder.length + 1).includes('/'),
    );
  for (const day of await repository.listDays(signal)) {
    const commits = await listCommits(repository, day, signal);
    const isForgotten = ({ recordedAt }: ReplayedCommit, name: string): boolean =>
      recordedAt <= untilSeconds && isOfPath(name);
    const first = commits.findIndex((one) => one.added.some(({ name }) => isForgotten(one, name)));
    if (first === -1) continue;
    oldTips.push(day.tip);
    await replayDay(
      repository,
      day,
      path,
      commits.slice(first),
      commits[first - 1],
      isForgotten,
      signal,
    );
  }
  if (oldTips.length > 0) await removeObjects(repository, oldTips, signal);
}

/**
 * Removes the objects of these commits that no ref reaches any more, however young they are. No
 * other unused object may go: another host may just have sent it, and set its ref a moment later.
 */
async function removeObjects(
  repository: Repository,
  oldTips: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { output } = await repository.run(
    ['rev-list', '--objects', '--no-object-names', '--stdin', '--not', '--branches'],
    {
      signal,
      doing: 'looking for the objects of a path',
      input: oldTips.map((tip) => `${tip}\n`).join(''),
      maxOutput: 1024 * 1024 * 1024,
    },
  );
  // Objects that a ref reaches are in a pack then. Of the others the old ones are gone, and the
  // young ones lie alone.
  await packObjects(repository, 'all', signal);
  for (const id of output.toString().split('\n'))
    if (/^[0-9a-f]{40,64}$/.test(id))
      await rm(join(repository.gitDir, 'objects', id.slice(0, 2), id.slice(2)), { force: true });
}

async function listCommits(
  repository: Repository,
  { tip }: HistoryDay,
  signal: AbortSignal,
): Promise<ReplayedCommit[]> {
  const { output } = await repository.run(
    [
      'log',
      '--reverse',
      '--diff-filter=A',
      '--root',
      '--raw',
      '--no-renames',
      '--no-abbrev',
      '-z',
      '--format=%H %ct',
      tip,
    ],
    { signal, doing: 'reading a day of the history', maxOutput: 1024 * 1024 * 1024 },
  );
  const commits: (ReplayedCommit & { added: { name: string; blob: string }[] })[] = [];
  const parts = output.toString().split('\0');
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] ?? '';
    const blob = /^\n?:\d{6} \d{6} [0-9a-f]+ ([0-9a-f]+) A$/.exec(part)?.[1];
    if (blob !== undefined) commits.at(-1)?.added.push({ blob, name: parts[++at] ?? '' });
    else {
      const [, commit, seconds] = /^([0-9a-f]{40,64}) (\d+)$/.exec(part) ?? [];
      if (commit !== undefined) commits.push({ commit, recordedAt: Number(seconds), added: [] });
    }
  }
  return commits;
}

async function replayDay(
  repository: Repository,
  day: HistoryDay,
  path: Path,
  commits: readonly ReplayedCommit[],
  before: ReplayedCommit | undefined,
  isForgotten: (commit: ReplayedCommit, name: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const doing = 'removing a path from the history';
  const texts = await readCommits(
    repository,
    commits.map(({ commit }) => commit),
    signal,
  );
  const git = repository.start(
    ['fast-import', '--quiet', '--force', '--done', '--date-format=raw'],
    signal,
  );
  git.stdout.resume();
  let parent = before?.commit,
    mark = 0;
  for (const one of commits) {
    const kept = one.added.filter(({ name }) => !isForgotten(one, name));
    const text = texts.get(one.commit);
    if (kept.length === 0 || text === undefined) continue;
    const isWhole = kept.length === one.added.length;
    const message = Buffer.from(isWhole ? text.message : removeFromMessage(text.message, path));
    const people = text.headers.filter((line) => /^(author|committer) /.test(line));
    await git.write(
      `commit ${day.ref}\nmark :${String(++mark)}\n${people.join('\n')}\n` +
        `data ${String(message.length)}\n`,
    );
    await git.write(message);
    await git.write(`\n${parent === undefined ? '' : `from ${parent}\n`}deleteall\n`);
    for (const { name, blob } of kept) await git.write(`M 100644 ${blob} ${quoteName(name)}\n`);
    await git.write('\n');
    parent = `:${String(mark)}`;
  }
  // Without a commit of its own the day ends with the one before, or is gone.
  if (mark === 0 && parent !== undefined) await git.write(`reset ${day.ref}\nfrom ${parent}\n\n`);
  await git.write('done\n');
  git.stdin.end();
  requireExit(doing, await git.exited);
  if (parent === undefined) await deleteRefs(repository, [day], signal);
}
