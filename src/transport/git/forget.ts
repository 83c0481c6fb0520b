import type { Path } from '../../model/path.js';
import { readCommits } from './list.js';
import { deleteRefs, packObjects } from './maintain.js';
import { removeFromMessage } from './message.js';
import { listTreeFolders, quoteName } from './names.js';
import { requireExit, type HistoryDay, type Repository } from './repository.js';

/** A commit with the names and blobs that it added. */
interface ReplayedCommit {
  readonly commit: string;
  readonly added: readonly { readonly name: string; readonly blob: string }[];
}

/**
 * Removes a path from the history: writes the days that contain it anew, without it. The result
 * depends on the commits alone. So all hosts get the same chains, and continue to share them.
 */
export async function forgetPath(
  repository: Repository,
  path: Path,
  signal: AbortSignal,
): Promise<void> {
  const folders = listTreeFolders(path);
  // A longer path begins like this one: `a/b` is no version of `a`.
  const isOfPath = (name: string): boolean =>
    folders.some(
      (folder) => name.startsWith(`${folder}/`) && !name.slice(folder.length + 1).includes('/'),
    );
  for (const day of await repository.listDays(signal)) {
    const commits = await listCommits(repository, day, signal);
    const first = commits.findIndex(({ added }) => added.some(({ name }) => isOfPath(name)));
    if (first === -1) continue;
    await replayDay(
      repository,
      day,
      path,
      commits.slice(first),
      commits[first - 1],
      isOfPath,
      signal,
    );
  }
  await packObjects(repository, 'forget', signal);
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
      '--format=%H',
      tip,
    ],
    { signal, doing: 'reading a day of the history', maxOutput: 1024 * 1024 * 1024 },
  );
  const commits: { commit: string; added: { name: string; blob: string }[] }[] = [];
  const parts = output.toString().split('\0');
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] ?? '';
    const blob = /^\n?:\d{6} \d{6} [0-9a-f]+ ([0-9a-f]+) A$/.exec(part)?.[1];
    if (blob !== undefined) commits.at(-1)?.added.push({ blob, name: parts[++at] ?? '' });
    else if (/^[0-9a-f]{40,64}$/.test(part)) commits.push({ commit: part, added: [] });
  }
  return commits;
}

async function replayDay(
  repository: Repository,
  day: HistoryDay,
  path: Path,
  commits: readonly ReplayedCommit[],
  before: ReplayedCommit | undefined,
  isOfPath: (name: string) => boolean,
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
  for (const { commit, added } of commits) {
    const kept = added.filter(({ name }) => !isOfPath(name));
    const text = texts.get(commit);
    if (kept.length === 0 || text === undefined) continue;
    const message = Buffer.from(removeFromMessage(text.message, path));
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
