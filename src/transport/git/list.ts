import { createHash } from 'node:crypto';
import { SyncMediaError } from '../../model/errors.js';
import type { RecordedVersion } from '../../model/history.js';
import type { HostId } from '../../model/host.js';
import { quotePath } from '../../replica/paths.js';
import type { Path } from '../../model/path.js';
import { catObjects } from './cat-file.js';
import { parseMessage } from './message.js';
import { listTreeFolders, makeTreeName } from './names.js';
import { readOutput } from './output.js';
import { requireExit, type Repository } from './repository.js';

/** Versions that were recorded twice, for example before a crash, must not hide others. */
const EXTRA = 50;
/** The commits of a path among which a revision is searched. */
const MOST_COMMITS = 500_000;
/** The largest commit that is read. A larger one is not ours. */
const MAX_COMMIT = 1024 * 1024;
/** Bytes of commits that are in memory at once. */
const READ_AT_ONCE = 32 * 1024 * 1024;

/**
 * A log of the commits that change given names, newest first: those that added one, and those after
 * them, whose trees lack it again. It does not print the names. git would hold all of a commit in
 * memory, and another host may send a tree of a few bytes that has billions of them.
 */
export const logOfChanges: readonly string[] = [
  'log',
  '--branches',
  '--date-order',
  '--no-patch',
  '--no-renames',
];

export const logFormat = '--format=%H %S %at';

/**
 * Lists the versions of a path, newest first. What several records say of one version is listed
 * once.
 */
export async function listVersions(
  repository: Repository,
  path: Path,
  limit: number,
  signal: AbortSignal,
): Promise<RecordedVersion[]> {
  const commits = await listChanges(repository, path, 2 * (limit + EXTRA), signal);
  const versions = new Map<string, RecordedVersion>();
  for await (const one of readVersionsOf(repository, path, commits, signal)) {
    const key = `${one.version} ${one.as}`;
    if (!versions.has(key)) versions.set(key, one);
  }
  return [...versions.values()].sort((a, b) => b.at.getTime() - a.at.getTime()).slice(0, limit);
}

/**
 * Finds the records of a path whose revision begins like this. A version that was recorded twice,
 * for example because it was replaced on another day, has a revision of each record.
 */
export async function findRevisions(
  repository: Repository,
  path: Path,
  beginning: string,
  signal: AbortSignal,
): Promise<RecordedVersion[]> {
  const commits = await listChanges(repository, path, MOST_COMMITS, signal);
  for (const commit of commits.keys()) if (!commit.startsWith(beginning)) commits.delete(commit);
  const versions: RecordedVersion[] = [];
  for await (const one of readVersionsOf(repository, path, commits, signal)) versions.push(one);
  return versions;
}

/** Lists the commits that change a path, newest first, each with its host. */
async function listChanges(
  repository: Repository,
  path: Path,
  limit: number,
  signal: AbortSignal,
): Promise<Map<string, HostId>> {
  if (!(await repository.exists())) return new Map();
  const { output } = await repository.run(
    [...logOfChanges, `--max-count=${String(limit)}`, logFormat, '--', ...listTreeFolders(path)],
    { signal, doing: 'listing versions' },
  );
  const lines = output.toString('latin1').split('\n');
  return new Map(
    lines.flatMap((line) => {
      const read = parseLogLine(line);
      return read ? [[read.commit, read.host]] : [];
    }),
  );
}

async function* readVersionsOf(
  repository: Repository,
  path: Path,
  commits: ReadonlyMap<string, HostId>,
  signal: AbortSignal,
): AsyncGenerator<RecordedVersion> {
  for await (const read of readCommits(repository, [...commits.keys()], signal))
    for (const one of toVersions(read, commits.get(read.commit) ?? ''))
      if (one.path === path) yield one;
}

/** @param host that of the ref, since a commit may say anything */
export function toVersions(
  { commit, author, message }: ReadCommit,
  host: HostId,
): RecordedVersion[] {
  const { savedBy, versions } = parseMessage(message);
  return versions.map((one) => ({
    ...one,
    host,
    author,
    ...(savedBy && { savedBy }),
    revision: commit,
  }));
}

/** Reads the bytes of a version. The stream fails at its end if their sha256 is another. */
export async function* readVersion(
  repository: Repository,
  version: RecordedVersion,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { path, info, revision, as } = version;
  if (as !== 'stored' || info === undefined)
    throw new SyncMediaError(
      'NOT_RECORDED',
      as === 'removed'
        ? `${quotePath(path)} was removed in ${revision.slice(0, 12)}: choose an earlier version.`
        : `The history has only the name and the hash of this version of ${quotePath(path)}.`,
    );
  const git = repository.start(
    ['cat-file', 'blob', `${revision}:${makeTreeName({ ...version, as })}`],
    signal,
  );
  git.stdin.end();
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const bytes of readOutput(git)) {
      size += bytes.length;
      // Too many bytes are read to the end, but not handed out.
      if (size > info.size) continue;
      hash.update(bytes);
      yield bytes;
    }
  } finally {
    if (!git.stdout.readableEnded) git.end('abort');
    await git.exited;
  }
  requireExit('reading a version', await git.exited);
  if (size === info.size && hash.digest('hex') === info.sha256) return;
  throw new SyncMediaError(
    'HISTORY_FAILED',
    `The history has other bytes of ${quotePath(path)} than it says: choose another version.`,
  );
}

export interface ReadCommit {
  readonly commit: string;
  readonly author: string;
  readonly message: string;
  /** The lines before the message. */
  readonly headers: readonly string[];
}

/**
 * Reads commits in this order, and has a part of them in memory. Those that are larger than any
 * that this package writes are left out: another host may have sent very many of them.
 */
export async function* readCommits(
  repository: Repository,
  commits: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ReadCommit> {
  for (const part of await splitBySize(repository, commits, signal)) {
    // Beside each commit there is one line.
    const options = { signal, doing: 'reading the history', maxOutput: 2 * READ_AT_ONCE };
    for (const one of await catObjects(repository, part, options))
      if (one?.type === 'commit') yield parseCommit(one.name, one.bytes.toString());
  }
}

/** Splits the commits into parts of at most `READ_AT_ONCE` bytes. */
async function splitBySize(
  repository: Repository,
  commits: readonly string[],
  signal: AbortSignal,
): Promise<string[][]> {
  if (commits.length === 0) return [];
  const { output } = await repository.run(
    ['cat-file', '--batch-check=%(objectname) %(objecttype) %(objectsize)'],
    {
      signal,
      doing: 'measuring the history',
      input: commits.map((commit) => `${commit}\n`).join(''),
    },
  );
  const parts: string[][] = [];
  let bytes = READ_AT_ONCE;
  for (const line of output.toString('latin1').split('\n')) {
    const [commit = '', type, size] = line.split(' ');
    const length = Number(size);
    if (type !== 'commit' || !(length <= MAX_COMMIT)) continue;
    if (bytes + length > READ_AT_ONCE) {
      parts.push([]);
      bytes = 0;
    }
    bytes += length;
    parts.at(-1)?.push(commit);
  }
  return parts;
}

function parseCommit(commit: string, text: string): ReadCommit {
  const split = text.indexOf('\n\n');
  const headers = text.slice(0, split).split('\n');
  const author = headers.find((line) => line.startsWith('author '));
  return {
    commit,
    headers,
    author: /^author (.*?) ?<[^>]*> \d+ [+-]\d{4}$/.exec(author ?? '')?.[1] ?? '',
    message: text.slice(split + 2),
  };
}

/** A line of a log with the format `logFormat`. */
interface LogLine {
  readonly commit: string;
  /** Of the ref by which the commit was reached. */
  readonly host: HostId;
  /** Missing if that is no ref of a day. The gate lets each host name its refs as it likes. */
  readonly day?: string;
  /** By the clock of the host that captured its versions, in seconds since the epoch. */
  readonly authoredAt: number;
}

export function parseLogLine(line: string): LogLine | undefined {
  const [, commit, host, day, seconds] =
    /^([0-9a-f]{40,64}) (?:refs\/heads\/)?([\w-]+)\/(?:(\d{4}-\d\d-\d\d)\.)?\S* (\d+)$/.exec(
      line,
    ) ?? [];
  if (commit === undefined || host === undefined) return undefined;
  return { commit, host, ...(day !== undefined && { day }), authoredAt: Number(seconds) };
}
