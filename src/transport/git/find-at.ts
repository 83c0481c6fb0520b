import type { Readable } from 'node:stream';
import type { RecordedVersion } from '../../model/history.js';
import type { Path } from '../../model/path.js';
import type { GitProcess } from './git-process.js';
import { logOfAdditions, readCommits } from './list.js';
import { parseMessage } from './message.js';
import { listTreeFolders } from './names.js';
import { requireExit, type Repository } from './repository.js';

/** Commits whose messages are read at once. */
const COMMITS_AT_ONCE = 500;

/** A commit that may contain the version of a path that was current at the time. */
interface Candidate {
  readonly commit: string;
  readonly host: string;
}

/**
 * Finds the version of each path that was current at a time, by one walk through the history.
 * Memory grows with the paths only, however many versions they have.
 */
export async function findVersionsAt(
  repository: Repository,
  paths: readonly Path[],
  time: Date,
  signal: AbortSignal,
): Promise<Map<Path, RecordedVersion>> {
  const found = new Map<Path, RecordedVersion>();
  if (paths.length === 0 || !(await repository.exists())) return found;
  const git = repository.start([...logOfAdditions, '--stdin', '--format=%H %S %at'], signal);
  try {
    const folders = new Map(
      paths.flatMap((path) => listTreeFolders(path).map((folder) => [folder, path] as const)),
    );
    git.stdin.end(['--', ...folders.keys()].map((line) => `${line}\n`).join(''));
    let candidates: Candidate[] = [];
    for await (const candidate of findCandidates(git, folders, time)) {
      candidates.push(candidate);
      if (candidates.length < COMMITS_AT_ONCE) continue;
      await readCandidates(repository, candidates, new Set(paths), time, found, signal);
      candidates = [];
    }
    await readCandidates(repository, candidates, new Set(paths), time, found, signal);
  } finally {
    if (!git.stdout.readableEnded) git.end('abort');
    await git.exited;
  }
  requireExit('looking for the versions of a time', await git.exited);
  return found;
}

/**
 * Reads the log. A commit is dated by its versions, in whole seconds. So it is a candidate unless
 * it is too young, or a path of it is certainly known in a younger version.
 */
async function* findCandidates(
  git: GitProcess,
  folders: ReadonlyMap<string, Path>,
  time: Date,
): AsyncGenerator<Candidate> {
  const newest = new Map<Path, number>();
  let current: (Candidate & { readonly seconds: number }) | undefined,
    isGiven = false;
  for await (const part of splitAtNul(git)) {
    const [, commit, host, seconds] =
      /^([0-9a-f]{40,64}) (?:refs\/heads\/)?([\w-]+)\/\S* (\d+)$/.exec(part) ?? [];
    if (commit !== undefined && host !== undefined) {
      current = { commit, host, seconds: Number(seconds) };
      isGiven = false;
      continue;
    }
    const path = folders.get(part.slice(0, part.lastIndexOf('/')));
    if (!current || path === undefined || current.seconds * 1000 > time.getTime()) continue;
    const known = newest.get(path) ?? -1;
    if (current.seconds < known) continue;
    // In the last second some versions may be younger than the time.
    if ((current.seconds + 1) * 1000 <= time.getTime()) newest.set(path, current.seconds);
    if (!isGiven) yield current;
    isGiven = true;
  }
}

async function readCandidates(
  repository: Repository,
  candidates: readonly Candidate[],
  wanted: ReadonlySet<Path>,
  time: Date,
  found: Map<Path, RecordedVersion>,
  signal: AbortSignal,
): Promise<void> {
  const messages = await readCommits(
    repository,
    candidates.map(({ commit }) => commit),
    signal,
  );
  for (const { commit, host } of candidates) {
    const read = messages.get(commit);
    if (read === undefined) continue;
    const { savedBy, versions } = parseMessage(read.message);
    for (const one of versions) {
      const before = found.get(one.path);
      if (!wanted.has(one.path) || one.at > time || (before && before.at >= one.at)) continue;
      found.set(one.path, {
        ...one,
        host,
        author: read.author,
        ...(savedBy && { savedBy }),
        revision: commit,
      });
    }
  }
}

async function* splitAtNul(git: GitProcess): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const bytes of git.stdout as Readable & AsyncIterable<Buffer>) {
    git.touch();
    rest = Buffer.concat([rest, bytes]);
    let begin = 0;
    for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0, begin)) {
      yield rest.toString('utf8', begin, end);
      begin = end + 1;
    }
    rest = rest.subarray(begin);
  }
  if (rest.length > 0) yield rest.toString();
}
