import { createHash } from 'node:crypto';
import { SyncMediaError } from '../../model/errors.js';
import type { RecordedVersion } from '../../model/history.js';
import { quotePath } from '../../replica/paths.js';
import type { Path } from '../../model/path.js';
import { catObjects } from './cat-file.js';
import { parseMessage } from './message.js';
import { listTreeFolders, makeTreeName } from './names.js';
import { requireExit, type Repository } from './repository.js';

/** Versions that were recorded twice, for example before a crash, must not hide others. */
const EXTRA = 50;
/** The largest commit that is read. A larger one is not ours. */
const MAX_COMMIT = 1024 * 1024;
/** Bytes of commits that are in memory at once. */
const READ_AT_ONCE = 32 * 1024 * 1024;

/** A log of the names that commits of all hosts added, newest first, with NUL between the parts. */
export const logOfAdditions: readonly string[] = [
  'log',
  '--branches',
  '--date-order',
  '--diff-filter=A',
  '--root',
  '--raw',
  '--no-renames',
  '--no-abbrev',
  '--no-textconv',
  '--no-ext-diff',
  '-z',
];

/**
 * Lists the versions of a path, newest first. What several records say of one version is listed
 * once. The host is that of the ref, since a commit may say anything.
 */
export async function listVersions(
  repository: Repository,
  path: Path,
  limit: number,
  signal: AbortSignal,
): Promise<RecordedVersion[]> {
  if (!(await repository.exists())) return [];
  const { output } = await repository.run(
    [
      ...logOfAdditions,
      `--max-count=${String(limit + EXTRA)}`,
      '--format=%H %S',
      '--',
      ...listTreeFolders(path),
    ],
    { signal, doing: 'listing versions' },
  );
  const heads = parseLog(output.toString());
  const messages = await readCommits(
    repository,
    heads.map(({ commit }) => commit),
    signal,
  );
  const versions = new Map<string, RecordedVersion>();
  for (const { commit, host } of heads) {
    const read = messages.get(commit);
    if (read === undefined) continue;
    const { savedBy, versions: described } = parseMessage(read.message);
    for (const one of described) {
      const key = `${one.version} ${one.as}`;
      if (one.path !== path || versions.has(key)) continue;
      versions.set(key, {
        ...one,
        host,
        author: read.author,
        ...(savedBy && { savedBy }),
        revision: commit,
      });
    }
  }
  return [...versions.values()].sort((a, b) => b.at.getTime() - a.at.getTime()).slice(0, limit);
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
    for await (const bytes of git.stdout as AsyncIterable<Buffer>) {
      git.touch();
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

interface ReadCommit {
  readonly author: string;
  readonly message: string;
  /** The lines before the message. */
  readonly headers: readonly string[];
}

/**
 * Reads commits. Those that are larger than
 * any that this package writes are left out: another host may have sent very many of them.
 */
export async function readCommits(
  repository: Repository,
  commits: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, ReadCommit>> {
  const found = new Map<string, ReadCommit>();
  for (const part of await splitBySize(repository, commits, signal)) {
    // Beside each commit there is one line.
    const options = { signal, doing: 'reading the history', maxOutput: 2 * READ_AT_ONCE };
    for (const one of await catObjects(repository, part, options))
      if (one?.type === 'commit') found.set(one.name, parseCommit(one.bytes.toString()));
  }
  return found;
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

function parseCommit(text: string): ReadCommit {
  const split = text.indexOf('\n\n');
  const headers = text.slice(0, split).split('\n');
  const author = headers.find((line) => line.startsWith('author '));
  return {
    headers,
    author: /^author (.*?) ?<[^>]*> \d+ [+-]\d{4}$/.exec(author ?? '')?.[1] ?? '',
    message: text.slice(split + 2),
  };
}

/** Reads the commits and the refs by which they were reached, without the raw lines between. */
function parseLog(output: string): { commit: string; host: string }[] {
  return output.split('\0').flatMap((part) => {
    const [, commit, host] = /^([0-9a-f]{40,64}) (?:refs\/heads\/)?([\w-]+)\//.exec(part) ?? [];
    return commit === undefined || host === undefined ? [] : [{ commit, host }];
  });
}
