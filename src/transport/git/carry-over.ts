import type { RecordRequest } from '../../model/history.js';
import { logOfAdditions, readCommits } from './list.js';
import { parseMessage, type DescribedVersion } from './message.js';
import { makeTreeName } from './names.js';
import type { Repository } from './repository.js';

/** A version of an earlier day, whose blob git has already. */
export interface CarriedVersion {
  readonly request: RecordRequest;
  readonly described: DescribedVersion;
  readonly blob: string;
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
 * a version that was replaced today has to be. That costs no bytes, since git has the blob.
 */
export async function findEarlierRecords(
  repository: Repository,
  requests: readonly RecordRequest[],
  today: string,
  signal: AbortSignal,
): Promise<EarlierRecords> {
  const replaced = new Set<string>(),
    own = new Map<string, RecordRequest>();
  for (const request of requests) {
    const { path, version, replaces, replacedAt } = request;
    for (const as of ['stored', 'named', 'removed'] as const) {
      if (replacedAt) own.set(makeTreeName({ path, version, as }), request);
      if (replaces !== undefined && as !== 'removed')
        replaced.add(makeTreeName({ path, version: replaces, as }));
    }
  }
  const names = new Set([...replaced, ...own.keys()]);
  if (names.size === 0) return { carried: [], recorded: new Set() };
  const { output } = await repository.run([...logOfAdditions, '--stdin', '--format=%H %S'], {
    signal,
    doing: 'looking for the versions that are replaced',
    input: ['--', ...names].map((line) => `${line}\n`).join(''),
  });
  const found = parseNewest(output.toString(), names);
  const older = [...found].filter(([name, { day }]) => replaced.has(name) && day !== today);
  const commits = await readCommits(
    repository,
    older.map(([, { commit }]) => commit),
    signal,
  );
  const carried = older.flatMap(([name, { commit, blob }]) => {
    const text = commits.get(commit);
    if (text === undefined) return [];
    const { savedBy, versions } = parseMessage(text.message);
    const described = versions.find((one) => makeTreeName(one) === name);
    if (described === undefined) return [];
    const { path, version, at, info } = described;
    const { author } = text;
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

/** The newest record of each name, with its day. */
function parseNewest(
  output: string,
  names: ReadonlySet<string>,
): Map<string, { commit: string; day: string; blob: string }> {
  const found = new Map<string, { commit: string; day: string; blob: string }>();
  let commit = '',
    day = '',
    blob: string | undefined;
  for (const part of output.split('\0')) {
    const head = /^([0-9a-f]{40,64}) \S*\/(\d{4}-\d\d-\d\d)\./.exec(part);
    const added = /^\n?:\d{6} \d{6} [0-9a-f]+ ([0-9a-f]+) A$/.exec(part);
    if (added) blob = added[1];
    else if (blob !== undefined) {
      if (names.has(part) && !found.has(part)) found.set(part, { commit, day, blob });
      blob = undefined;
    } else if (head) [, commit = '', day = ''] = head;
  }
  return found;
}
