import type { DocumentRef } from '../../model/capture.js';
import type { RecordRequest } from '../../model/history.js';
import { findBlobs } from './cat-file.js';
import { logFormat, logOfChanges, parseLogLine, readCommits } from './list.js';
import { parseMessage, type DescribedVersion } from './message.js';
import { makeTreeName } from './names.js';
import type { Repository } from './repository.js';

/** A version of an earlier day, whose blob git has already. */
export interface CarriedVersion {
  readonly request: RecordRequest;
  readonly described: DescribedVersion;
  readonly blob: string;
}

/** A record of a name in git's trees. */
interface RecordedName {
  readonly commit: string;
  readonly day: string;
  /** By the clock of its host, as `forgetPaths` reads it. */
  readonly recordedAt: Date;
  readonly described: DescribedVersion;
  readonly author: string;
  readonly savedBy?: DocumentRef;
}

/** What the history has already. */
interface EarlierRecords {
  /** The versions that these replace, if they were recorded on another day. */
  readonly carried: readonly CarriedVersion[];
  /** Requests for replaced versions that were recorded, on any day. */
  readonly recorded: ReadonlySet<RecordRequest>;
}

/**
 * Finds what the history has of the versions that are to be recorded, and of those that they
 * replace. A replaced version of another day is recorded once more today. So it is kept as long as
 * a version that was replaced today has to be. That costs no bytes, since git has the blob. One
 * that is to be forgotten, and still lies here, is not: its new record would be younger than the
 * request.
 */
export async function findEarlierRecords(
  repository: Repository,
  requests: readonly RecordRequest[],
  today: string,
  signal: AbortSignal,
): Promise<EarlierRecords> {
  const replaced = new Map<string, RecordRequest>(),
    own = new Map<string, RecordRequest>();
  for (const request of requests) {
    const { path, version, replaces, replacedAt } = request;
    for (const as of ['stored', 'named', 'removed'] as const) {
      if (replacedAt) own.set(makeTreeName({ path, version, as }), request);
      if (replaces !== undefined && as !== 'removed')
        replaced.set(makeTreeName({ path, version: replaces, as }), request);
    }
  }
  const names = new Set([...replaced.keys(), ...own.keys()]);
  if (names.size === 0) return { carried: [], recorded: new Set() };
  const commits = await listCommits(repository, names, signal);
  const found =
    own.size > 0 || [...commits.values()].some((day) => day !== today)
      ? await findNewest(repository, commits, names, signal)
      : new Map<string, RecordedName>();
  const older = [...found].filter(([name, { day, recordedAt }]) => {
    const by = replaced.get(name);
    const isForgotten = by?.forgottenAt !== undefined && recordedAt <= by.forgottenAt;
    return by !== undefined && day !== today && !isForgotten;
  });
  const blobs = await findBlobs(
    repository,
    older.map(([name, { commit }]) => `${commit}:${name}`),
    signal,
  );
  const carried = older.flatMap(([, { described, savedBy, author }], index) => {
    const blob = blobs[index];
    if (blob === undefined) return [];
    const { path, version, at, info } = described;
    return [
      {
        described,
        blob,
        request: { path, version, at, author, ...(info && { info }), ...(savedBy && { savedBy }) },
      },
    ];
  });
  return { carried, recorded: new Set([...found.keys()].flatMap((name) => own.get(name) ?? [])) };
}

/** Lists the commits that change these names, newest first, each with its day. */
async function listCommits(
  repository: Repository,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const { output } = await repository.run([...logOfChanges, '--stdin', logFormat], {
    signal,
    doing: 'looking for the versions that are replaced',
    input: ['--', ...names].map((line) => `${line}\n`).join(''),
  });
  const days = new Map<string, string>();
  for (const line of output.toString('latin1').split('\n')) {
    const read = parseLogLine(line);
    if (read?.day !== undefined) days.set(read.commit, read.day);
  }
  return days;
}

/** The newest record of each name. */
async function findNewest(
  repository: Repository,
  commits: ReadonlyMap<string, string>,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, RecordedName>> {
  const found = new Map<string, RecordedName>();
  for await (const { commit, author, message, headers } of readCommits(
    repository,
    [...commits.keys()],
    signal,
  )) {
    const { savedBy, versions } = parseMessage(message);
    const recordedAt = readCommitTime(headers);
    for (const described of versions) {
      const name = makeTreeName(described);
      if (!names.has(name) || found.has(name)) continue;
      const day = commits.get(commit) ?? '';
      found.set(name, { commit, day, recordedAt, described, author, ...(savedBy && { savedBy }) });
    }
  }
  return found;
}

function readCommitTime(headers: readonly string[]): Date {
  const committer = headers.find((line) => line.startsWith('committer ')) ?? '';
  return new Date(Number(/> (\d+) [+-]\d{4}$/.exec(committer)?.[1] ?? 0) * 1000);
}
