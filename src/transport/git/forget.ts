import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ForgetRequest } from '../../model/history.js';
import type { Path } from '../../model/path.js';
import { replaceFile } from '../../state-dir/replace-file.js';
import { findBlobs } from './cat-file.js';
import { FORGETTING_FILE } from './clean.js';
import { fastImport, importCommit } from './fast-import.js';
import type { GitProcess } from './git-process.js';
import { readCommits } from './list.js';
import { deleteRefs, packObjects } from './maintain.js';
import { parseMessage, removeFromMessage, type DescribedVersion } from './message.js';
import { listTreeFolders, makeTreeName } from './names.js';
import type { HistoryDay, Repository } from './repository.js';

/** Messages are read in parts, so that memory stays bounded. */
const COMMITS_AT_ONCE = 200;
/** Bytes of a list of commits: enough for three million. */
const MAX_LIST = 160 * 1024 * 1024;

interface RecordedCommit {
  readonly commit: string;
  /** By the clock of its host, in seconds since the epoch. */
  readonly recordedAt: number;
}

/**
 * Whether a version falls under a request.
 *
 * @param recordedAt by the clock of its host, in seconds since the epoch
 */
type IsForgotten = (version: DescribedVersion, recordedAt: number) => boolean;

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
  const folders = requests.flatMap(({ path }) => listTreeFolders(path));
  const isKnown =
    folders.length > 0 &&
    (await listCommits(repository, ['--branches', '--max-count=1'], folders, signal)).length > 0;
  if (oldTips.length === 0 && !isKnown) return false;
  const isForgotten = makeFilter(requests);
  for (const day of isKnown ? await repository.listDays(signal) : []) {
    const changing = await listCommits(repository, [day.tip], folders, signal);
    const first = await findFirst(repository, changing, isForgotten, signal);
    if (first === undefined) continue;
    oldTips.push(day.tip);
    await replaceFile(unfinished, oldTips.join('\n'), 0o600);
    const commits = await listCommits(repository, [day.tip], [], signal);
    const at = commits.findIndex(({ commit }) => commit === first);
    await replayDay(repository, day, commits.slice(at), commits[at - 1], isForgotten, signal);
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

function makeFilter(requests: readonly ForgetRequest[]): IsForgotten {
  const times = new Map<Path, number>();
  for (const { path, at } of requests)
    times.set(path, Math.max(at.getTime() / 1000, times.get(path) ?? 0));
  return ({ path }, recordedAt) => recordedAt <= (times.get(path) ?? -1);
}

/** The first of these commits that has a version to be removed. */
async function findFirst(
  repository: Repository,
  commits: readonly RecordedCommit[],
  isForgotten: IsForgotten,
  signal: AbortSignal,
): Promise<string | undefined> {
  const times = new Map(commits.map(({ commit, recordedAt }) => [commit, recordedAt]));
  for await (const { commit, message } of readCommits(repository, [...times.keys()], signal)) {
    const recordedAt = times.get(commit) ?? 0;
    if (parseMessage(message).versions.some((one) => isForgotten(one, recordedAt))) return commit;
  }
  return undefined;
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

/** Lists commits, oldest first. With folders: those that change them. */
async function listCommits(
  repository: Repository,
  revisions: readonly string[],
  folders: readonly string[],
  signal: AbortSignal,
): Promise<RecordedCommit[]> {
  const { output } = await repository.run(
    ['log', '--reverse', '--no-patch', '--no-renames', '--format=%H %ct', ...revisions, '--stdin'],
    {
      signal,
      doing: 'reading a day of the history',
      input: ['--', ...folders].map((line) => `${line}\n`).join(''),
      maxOutput: MAX_LIST,
    },
  );
  return output
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      const [, commit, seconds] = /^([0-9a-f]{40,64}) (\d+)$/.exec(line) ?? [];
      return commit === undefined ? [] : [{ commit, recordedAt: Number(seconds) }];
    });
}

async function replayDay(
  repository: Repository,
  day: HistoryDay,
  commits: readonly RecordedCommit[],
  before: RecordedCommit | undefined,
  isForgotten: IsForgotten,
  signal: AbortSignal,
): Promise<void> {
  let parent = before?.commit,
    mark = 0;
  const write = async (git: GitProcess): Promise<void> => {
    for (let at = 0; at < commits.length; at += COMMITS_AT_ONCE) {
      const part = commits.slice(at, at + COMMITS_AT_ONCE);
      for (const one of await readKept(repository, part, isForgotten, signal)) {
        await importCommit(git, { ...one, ref: day.ref, mark: ++mark, parent });
        parent = `:${String(mark)}`;
      }
    }
    // Without a commit of its own the day ends with the one before, or is gone.
    if (mark === 0 && parent !== undefined) await git.write(`reset ${day.ref}\nfrom ${parent}\n\n`);
  };
  const options = { options: ['--force'], doing: 'removing paths from the history' };
  await fastImport(repository, options, write, signal);
  if (parent === undefined) await deleteRefs(repository, [day], signal);
}

/** A commit as it is written anew. */
interface KeptCommit {
  readonly people: readonly string[];
  readonly message: Buffer;
  readonly files: readonly { readonly name: string; readonly blob: string }[];
}

/** Reads what is kept of commits. Those of which nothing is kept are missing in the answer. */
async function readKept(
  repository: Repository,
  commits: readonly RecordedCommit[],
  isForgotten: IsForgotten,
  signal: AbortSignal,
): Promise<KeptCommit[]> {
  const times = new Map(commits.map(({ commit, recordedAt }) => [commit, recordedAt]));
  const read: (Omit<KeptCommit, 'files'> & { readonly commit: string; names: string[] })[] = [];
  for await (const { commit, message, headers } of readCommits(
    repository,
    [...times.keys()],
    signal,
  )) {
    const { versions } = parseMessage(message);
    const forgotten = versions.filter((one) => isForgotten(one, times.get(commit) ?? 0));
    read.push({
      commit,
      people: headers.flatMap((line) => formatPerson(line) ?? []),
      message: Buffer.from(removeFromMessage(message, new Set(forgotten.map(({ path }) => path)))),
      names: versions.filter((one) => !forgotten.includes(one)).map((one) => makeTreeName(one)),
    });
  }
  const blobs = await findBlobs(
    repository,
    read.flatMap(({ commit, names }) => names.map((name) => `${commit}:${name}`)),
    signal,
  );
  return read.flatMap(({ people, message, names }) => {
    const found = blobs.splice(0, names.length);
    const files = names.flatMap((name, index) => {
      const blob = found[index];
      return blob === undefined ? [] : [{ name, blob }];
    });
    return files.length === 0 ? [] : [{ people, message, files }];
  });
}

/**
 * Formats who made a commit, and when, as fast-import takes it. It refuses some zones that git took
 * from another host, and that must not keep what somebody wants forgotten.
 */
function formatPerson(header: string): string | undefined {
  const [, role, name = '', seconds = ''] =
    /^(author|committer) ([^<>]*)<[^<>]*> (\d+) [+-]\d{4}$/.exec(header) ?? [];
  return role === undefined ? undefined : `${role} ${name}<> ${seconds} +0000`;
}
