import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ForgetRequest } from '../../model/history.js';
import type { Path } from '../../model/path.js';
import { replaceFile } from '../../state-dir/replace-file.js';
import { FORGETTING_FILE } from './clean.js';
import { logOfAdditions, readCommits } from './list.js';
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

/** Finds the path of a request that a name in a commit falls under. */
type FindForgotten = (commit: ReplayedCommit, name: string) => Path | undefined;

/**
 * Removes paths from the history: writes the days that contain them anew, without them. The result
 * depends on the commits and the requests alone. So all hosts get the same chains, and continue to
 * share them. Versions that were recorded after a request stay, so that it may be carried out
 * again.
 *
 * @returns whether anything was there to be removed
 */
export async function forgetPaths(
  repository: Repository,
  requests: readonly ForgetRequest[],
  signal: AbortSignal,
): Promise<boolean> {
  const unfinished = join(repository.gitDir, FORGETTING_FILE);
  const oldTips = await readTips(unfinished);
  if (oldTips.length === 0 && !(await hasAny(repository, requests, signal))) return false;
  const findForgotten = makeFinder(requests);
  for (const day of await repository.listDays(signal)) {
    const commits = await listCommits(repository, day, signal);
    const first = commits.findIndex((one) =>
      one.added.some(({ name }) => findForgotten(one, name) !== undefined),
    );
    if (first === -1) continue;
    oldTips.push(day.tip);
    await replaceFile(unfinished, oldTips.join('\n'), 0o600);
    await replayDay(
      repository,
      day,
      commits.slice(first),
      commits[first - 1],
      findForgotten,
      signal,
    );
  }
  if (oldTips.length === 0) return false;
  await removeObjects(repository, oldTips, signal);
  await rm(unfinished);
  return true;
}

async function readTips(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter((tip) => /^[0-9a-f]{40,64}$/.test(tip));
}

/** Whether the history has a path, at any time. Reading whole days takes much longer. */
async function hasAny(
  repository: Repository,
  requests: readonly ForgetRequest[],
  signal: AbortSignal,
): Promise<boolean> {
  const folders = requests.flatMap(({ path }) => listTreeFolders(path));
  if (folders.length === 0) return false;
  const { output } = await repository.run(
    [...logOfAdditions, '--stdin', '--max-count=1', '--format=%H'],
    {
      signal,
      doing: 'looking for a path in the history',
      input: ['--', ...folders].map((line) => `${line}\n`).join(''),
    },
  );
  return output.length > 0;
}

function makeFinder(requests: readonly ForgetRequest[]): FindForgotten {
  const folders = new Map<string, { readonly path: Path; readonly seconds: number }>();
  for (const { path, at } of requests)
    for (const folder of listTreeFolders(path)) {
      const seconds = Math.max(at.getTime() / 1000, folders.get(folder)?.seconds ?? 0);
      folders.set(folder, { path, seconds });
    }
  return ({ recordedAt }, name) => {
    // A longer path begins like this one: `a/b` is no version of `a`.
    const found = folders.get(name.slice(0, name.lastIndexOf('/')));
    return found && recordedAt <= found.seconds ? found.path : undefined;
  };
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
    [
      'rev-list',
      '--objects',
      '--no-object-names',
      // An earlier try may have removed some of them.
      '--ignore-missing',
      '--missing=allow-any',
      '--stdin',
      '--not',
      '--branches',
    ],
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
  commits: readonly ReplayedCommit[],
  before: ReplayedCommit | undefined,
  findForgotten: FindForgotten,
  signal: AbortSignal,
): Promise<void> {
  const doing = 'removing paths from the history';
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
    const kept = one.added.filter(({ name }) => findForgotten(one, name) === undefined);
    const text = texts.get(one.commit);
    if (kept.length === 0 || text === undefined) continue;
    const paths = new Set(one.added.flatMap(({ name }) => findForgotten(one, name) ?? []));
    const message = Buffer.from(removeFromMessage(text.message, paths));
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
