import type { Entry, HostId, Path, SavedBy, Seen, Superseded, Version } from '../model/words.js';
import { haveSameFacts } from './file-state.js';

/** How many superseded versions an entry remembers. */
export const supersededLimit = 16;

/** The epoch is due by any clock: another origin's, or this one's before it was set. */
export const atOnce = new Date(0);

export interface Write {
  readonly path: Path;
  readonly version: Version;
  readonly me: HostId;
  /** Hosts that want the path, without this one. */
  readonly wantedBy: readonly HostId[];
  readonly now: Date;
  readonly savedBy?: SavedBy | undefined;
  /** Hosts that are known to have the same bytes already. */
  readonly alsoHeldBy?: readonly HostId[];
  /** A conflict rule decided that these bytes win. */
  readonly overrules?: boolean | undefined;
}

/**
 * A file younger than this at its capture may change again without another mtime (git's racy
 * index). In milliseconds.
 */
const racyAge = 2_000;

function isUnsure(facts: Seen, now: Date): boolean {
  return facts.sha256 === undefined || now.getTime() - facts.mtime * 1000 < racyAge;
}

function isSameContent(a: Superseded | Seen, b: Seen): boolean {
  return (
    haveSameFacts(a, b) &&
    (a.sha256 === undefined || b.sha256 === undefined || a.sha256 === b.sha256)
  );
}

/**
 * Adds the replaced version to the superseded ones. A version that becomes current again leaves
 * them.
 */
function supersede(
  before: Entry | undefined,
  lost: boolean,
  current: Seen | undefined,
): Superseded[] {
  const all = [...(before?.superseded ?? [])];
  if (before?.facts) all.push({ ...before.facts, version: before.version, lost });
  return all.filter((old) => !current || !isSameContent(old, current)).slice(-supersededLimit);
}

/**
 * The entry after this host captured new bytes. If this host did not hold the previous version,
 * two hosts wrote at once, and copies of that version become conflicts.
 */
export function makeVersion(
  before: Entry | undefined,
  { stamp, ...facts }: Seen,
  write: Write,
): Entry {
  const also = (write.alsoHeldBy ?? []).filter((host) => host !== write.me);
  const lost = before !== undefined && !before.heldBy.includes(write.me);
  return {
    path: write.path,
    version: write.version,
    kind: 'file',
    facts,
    superseded: supersede(before, lost, facts),
    sender: write.me,
    capturedBy: write.me,
    heldBy: [write.me, ...also],
    ...(stamp === undefined ? {} : { stamps: { [write.me]: stamp } }),
    owed: write.wantedBy.filter((host) => host !== write.me && !also.includes(host)),
    dueAt: atOnce,
    blocked: [],
    ...(write.savedBy
      ? { savedBy: write.savedBy }
      : before?.savedBy
        ? { savedBy: before.savedBy }
        : {}),
    capturedAt: write.now,
    ...(isUnsure(facts, write.now) ? { unsure: true } : {}),
    ...(write.overrules === true ? { overrules: true } : {}),
  };
}

/**
 * The entry after a delete. The delete applies to every version, so none of them becomes a
 * conflict.
 */
export function makeTombstone(before: Entry, write: Write): Entry {
  return {
    path: write.path,
    version: write.version,
    kind: 'tombstone',
    superseded: supersede(before, false, undefined).map((old) => ({ ...old, lost: false })),
    sender: write.me,
    capturedBy: write.me,
    heldBy: [write.me],
    owed: write.wantedBy.filter((host) => host !== write.me),
    dueAt: atOnce,
    blocked: [],
    ...(before.savedBy ? { savedBy: before.savedBy } : {}),
    capturedAt: write.now,
  };
}

/**
 * The entry of a file that a document named while its delete was recorded. No host is known to
 * have the bytes, at the path or in the trash. Each host looks for them, and one that has them
 * becomes the origin. Undefined if the tombstone remembers no version.
 */
export function makeRevived(tombstone: Entry, write: Write): Entry | undefined {
  const last = tombstone.superseded.at(-1);
  if (!last) return undefined;
  const { version: _, lost: __, ...facts } = last;
  return {
    path: write.path,
    version: write.version,
    kind: 'file',
    facts: { nanos: 0, ...facts },
    superseded: tombstone.superseded.slice(0, -1),
    sender: write.me,
    capturedBy: write.me,
    adoptable: true,
    heldBy: [],
    owed: [write.me, ...write.wantedBy.filter((host) => host !== write.me)],
    dueAt: atOnce,
    blocked: [],
    ...(tombstone.savedBy ? { savedBy: tombstone.savedBy } : {}),
    capturedAt: write.now,
  };
}
