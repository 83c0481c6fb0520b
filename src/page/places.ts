import type { WireFile } from './wire.js';

/** What a file is to a host. */
export type FilePlace = 'holds' | 'waits' | 'blocked' | 'unconcerned';

type Pending = WireFile['pending'][number];

/** Why hosts lack some files: one reason for each host and error. */
export interface LackReason {
  readonly host: string;
  readonly code?: string;
  readonly message?: string;
  readonly remedy?: string;
  readonly isBlocked: boolean;
  readonly retryAt?: string;
  readonly since: string;
  readonly paths: readonly string[];
}

/** The hosts that lack at least one of the files, by name; only they get a column. */
export function findLackingHosts(files: readonly WireFile[]): string[] {
  const names = files.flatMap(({ pending }) => pending.map(({ hostname }) => hostname));
  return [...new Set(names)].sort();
}

/** The hosts that hold every file and lack none. */
export function countOtherHosts(files: readonly WireFile[]): number {
  const lacking = new Set(findLackingHosts(files));
  const holding = new Set(files.flatMap(({ heldBy }) => heldBy.map(({ hostname }) => hostname)));
  return [...holding].filter((name) => !lacking.has(name)).length;
}

export function placeOf(file: WireFile, host: string): FilePlace {
  const pending = file.pending.find(({ hostname }) => hostname === host);
  if (pending) return pending.blocked ? 'blocked' : 'waits';
  return file.heldBy.some(({ hostname }) => hostname === host) ? 'holds' : 'unconcerned';
}

/** Groups what hosts lack by host and cause, in the order in which they first appear. */
export function findReasons(files: readonly WireFile[]): LackReason[] {
  const reasons = new Map<string, LackReason>();
  for (const file of files) {
    for (const pending of file.pending) {
      const code = pending.failure?.code;
      const id = JSON.stringify([pending.hostname, code, pending.blocked]);
      const known = reasons.get(id);
      reasons.set(id, known ? addPath(known, file.path, pending) : makeReason(file.path, pending));
    }
  }
  return [...reasons.values()];
}

function makeReason(path: string, pending: Pending): LackReason {
  const { hostname, blocked, failure, failingSince, retryAt, since, why, remedy } = pending;
  const message = why ?? failure?.message;
  return {
    host: hostname,
    isBlocked: blocked,
    since: failingSince ?? since,
    paths: [path],
    ...(failure && { code: failure.code }),
    ...(message !== undefined && { message }),
    ...(remedy !== undefined && { remedy }),
    ...(retryAt !== undefined && { retryAt }),
  };
}

function addPath(reason: LackReason, path: string, pending: Pending): LackReason {
  const since = pending.failingSince ?? pending.since;
  return {
    ...reason,
    paths: [...reason.paths, path],
    since: since < reason.since ? since : reason.since,
  };
}
