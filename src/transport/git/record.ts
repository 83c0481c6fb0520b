import { formatDay } from '../../model/clock.js';
import type { HistoryLimits, RecordRequest } from '../../model/history.js';
import type { UnrecordedVersion } from '../history.js';
import type { Replica } from '../../replica/replica.js';
import { isToken } from '../../model/row-shapes.js';
import { findEarlierRecords } from './carry-over.js';
import { fastImport, importCommit } from './fast-import.js';
import type { GitProcess } from './git-process.js';
import { formatMessage, makeSingleLine, type DescribedVersion } from './message.js';
import { makeTreeName } from './names.js';
import type { Repository } from './repository.js';
import { writeBlob, type BlobAnswer } from './write-blob.js';

/** Files of one commit. A list of a path's versions reads the message of each of its commits. */
const MAX_FILES = 100;
/** Bytes of one commit, unless it is of a single file. A commit travels by one push. */
const MAX_COMMIT_BYTES = 256 * 1024 * 1024;

interface RecordContext {
  readonly repository: Repository;
  readonly replica: Replica;
  readonly limits: HistoryLimits;
  readonly hostname: string;
}

/**
 * A version whose bytes git has: as a blob, or under a mark. Removals and named files have the
 * empty blob.
 */
interface MarkedVersion {
  readonly request: RecordRequest;
  readonly described: DescribedVersion;
  readonly blob: string;
}

/**
 * Records versions by one fast-import. Each commit holds only what changed: its cost does not
 * grow with the number of files. The commits of one day (UTC) form a chain.
 *
 * A blob counts only once its sha256 is that of the version. So bytes that the app writes during
 * the reading are never recorded under a wrong version.
 */
export async function recordVersions(
  { repository, replica, limits, hostname }: RecordContext,
  requests: readonly RecordRequest[],
  signal: AbortSignal,
  now = new Date(),
): Promise<UnrecordedVersion[]> {
  if (requests.length === 0) return [];
  const today = formatDay(now),
    ref = await repository.findDayRef(today);
  const doing = 'recording versions';
  const { output } = await repository.run(['rev-parse', '--verify', '--quiet', `${ref}^0`], {
    signal,
    doing,
    allowed: [0, 1],
  });
  const { carried, recorded } = await findEarlierRecords(repository, requests, today, signal);
  const unrecorded: UnrecordedVersion[] = [];
  const write = async (git: GitProcess): Promise<void> => {
    const wanted = requests.filter((request) => !recorded.has(request));
    const marked = await writeBlobs(git, replica, limits, wanted, unrecorded);
    let parent = output.toString().trim();
    for (const [index, group] of groupByChange([...carried, ...marked]).entries()) {
      const mark = requests.length + 2 + index;
      await writeCommit(git, { ref, mark, parent, group, author: limits.author, hostname, now });
      parent = `:${String(mark)}`;
    }
  };
  await fastImport(repository, { doing }, write, signal);
  return unrecorded;
}

async function writeBlobs(
  git: GitProcess,
  replica: Replica,
  limits: HistoryLimits,
  requests: readonly RecordRequest[],
  unrecorded: UnrecordedVersion[],
): Promise<MarkedVersion[]> {
  const empty = `:${String(requests.length + 1)}`;
  await git.write(`blob\nmark ${empty}\ndata 0\n\n`);
  const marked: MarkedVersion[] = [];
  for (const [index, request] of requests.entries()) {
    const { path, version, at, info } = request;
    if (!isToken(version)) continue;
    const base = { path, version, at };
    if (info === undefined)
      marked.push({ request, described: { ...base, as: 'removed' }, blob: empty });
    else if (info.size > limits.maxFileBytes || request.isLost === true)
      marked.push({ request, described: { ...base, as: 'named', info }, blob: empty });
    else {
      const answer: BlobAnswer = await writeBlob(git, index + 1, request, info, replica);
      if ('failure' in answer) unrecorded.push({ request, ...answer });
      else
        marked.push({
          request,
          described: { ...base, as: 'stored', info: { ...info, sha256: answer.sha256 } },
          blob: `:${String(index + 1)}`,
        });
    }
  }
  return marked;
}

/**
 * Groups what one document's save changed, in order. Two versions of one path get a commit each,
 * so that a revision names one version of it.
 */
function groupByChange(marked: readonly MarkedVersion[]): MarkedVersion[][] {
  const groups: MarkedVersion[][] = [];
  let bytes = 0;
  for (const one of marked) {
    const last = groups.at(-1);
    const size = one.described.as === 'stored' ? (one.described.info?.size ?? 0) : 0;
    const isSame = last?.[0] !== undefined && describeChange(last[0]) === describeChange(one);
    const hasPath = last?.some(({ described: { path } }) => path === one.described.path) === true;
    const hasRoom =
      last !== undefined && last.length < MAX_FILES && bytes + size <= MAX_COMMIT_BYTES;
    if (isSame && !hasPath && hasRoom) {
      last.push(one);
      bytes += size;
    } else {
      groups.push([one]);
      bytes = size;
    }
  }
  return groups;
}

function describeChange({ request: { savedBy, author, at } }: MarkedVersion): string {
  return JSON.stringify([savedBy?.model, savedBy?.id, author, Math.floor(at.getTime() / 1000)]);
}

async function writeCommit(
  git: GitProcess,
  commit: {
    readonly ref: string;
    readonly mark: number;
    /** Empty for the first commit of a day. */
    readonly parent: string;
    readonly group: readonly MarkedVersion[];
    readonly author: string;
    readonly hostname: string;
    readonly now: Date;
  },
): Promise<void> {
  const { ref, mark, parent, group, hostname } = commit;
  const [first] = group;
  if (first === undefined) return;
  const { savedBy, at, author = commit.author } = first.request;
  const message = Buffer.from(
    formatMessage({
      hostname,
      ...(savedBy && { savedBy }),
      versions: group.map(({ described }) => described),
    }),
  );
  await importCommit(git, {
    ...{ ref, mark, parent, message },
    people: [
      `author ${makeSingleLine(author) || 'syncmedia'} <> ${formatTime(at)}`,
      `committer syncmedia <> ${formatTime(commit.now)}`,
    ],
    files: group.map(({ described, blob }) => ({ name: makeTreeName(described), blob })),
  });
}

function formatTime(date: Date): string {
  return `${String(Math.max(0, Math.floor(date.getTime() / 1000)))} +0000`;
}
