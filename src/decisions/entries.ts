import type { Entry, SupersededVersion, Version } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { DocumentRef } from '../model/capture.js';
import type { LocalFileInfo } from '../model/file.js';
import { haveSameSizeAndTime } from './file-state.js';

/** How many superseded versions an entry remembers. */
export const supersededLimit = 16;

/** How many replaced versions an entry remembers that have to be recorded. */
export const toRecordLimit = 100;

/** The epoch is due by any clock: another origin's, or this one's before it was set. */
export const dueAtOnce = new Date(0);

interface EntryWrite {
  readonly path: Path;
  readonly version: Version;
  readonly me: HostId;
  /** Hosts that want the path, without this one. */
  readonly wantedBy: readonly HostId[];
  readonly now: Date;
  readonly savedBy?: DocumentRef | undefined;
  readonly author?: string | undefined;
  /** Hosts that are known to have the same bytes already. */
  readonly alsoHeldBy?: readonly HostId[];
  /** A conflict rule decided that these bytes win. */
  readonly overrules?: boolean | undefined;
  /** Set if this host keeps a history, in which it still has to record the version. */
  readonly recording?: Recording | undefined;
}

/** What a host that keeps a history knows of it. */
export interface Recording {
  /** Whether the history may lack a version that is replaced now, or forget it too soon. */
  mayLack(replaced: Entry): boolean;
}

/**
 * A file younger than this at its capture may change again without another mtime (git's racy
 * index). In milliseconds.
 */
const racyAgeMs = 2_000;

function isUnverified(info: LocalFileInfo, now: Date): boolean {
  return info.sha256 === undefined || now.getTime() - info.mtime * 1000 < racyAgeMs;
}

function isSameContent(a: SupersededVersion | LocalFileInfo, b: LocalFileInfo): boolean {
  return (
    haveSameSizeAndTime(a, b) &&
    (a.sha256 === undefined || b.sha256 === undefined || a.sha256 === b.sha256)
  );
}

/**
 * Adds the replaced version to the superseded ones. A version that becomes current again leaves
 * them.
 */
function appendSuperseded(
  before: Entry | undefined,
  conflicting: boolean,
  current: LocalFileInfo | undefined,
): SupersededVersion[] {
  const all = [...(before?.superseded ?? [])];
  if (before?.info) all.push({ ...before.info, version: before.version, conflicting });
  return all
    .filter((superseded) => !current || !isSameContent(superseded, current))
    .slice(-supersededLimit);
}

/**
 * The replaced versions that have to be recorded. The version that is replaced now joins them if
 * its host has not recorded it yet, or if this host cannot be sure that the history has it.
 */
function listToRecord(before: Entry, { me, now, recording }: EntryWrite): Pick<Entry, 'toRecord'> {
  const { version, kind, info, capturedBy, capturedAt, savedBy, author } = before;
  const all = [...(before.toRecord ?? [])];
  const isUnrecorded = before.unrecorded === true;
  if (isUnrecorded || (kind === 'file' && recording?.mayLack(before) === true))
    all.push({
      version,
      by: isUnrecorded ? capturedBy : me,
      at: capturedAt,
      replacedAt: now,
      ...(info && { info: withoutStamp(info) }),
      ...(savedBy && { savedBy }),
      ...(author !== undefined && { author }),
    });
  return all.length === 0 ? {} : { toRecord: all.slice(-toRecordLimit) };
}

function withoutStamp({ stamp: _, ...info }: LocalFileInfo): Omit<LocalFileInfo, 'stamp'> {
  return info;
}

/**
 * The entry after this host captured new bytes. If this host did not hold the previous version,
 * two hosts wrote at once, and copies of that version become conflicts.
 */
export function makeVersionEntry(
  before: Entry | undefined,
  { stamp, ...info }: LocalFileInfo,
  write: EntryWrite,
): Entry {
  const also = (write.alsoHeldBy ?? []).filter((host) => host !== write.me);
  const conflicting = before !== undefined && !before.heldBy.includes(write.me);
  return {
    path: write.path,
    version: write.version,
    kind: 'file',
    info,
    superseded: appendSuperseded(before, conflicting, info),
    origin: write.me,
    capturedBy: write.me,
    heldBy: [write.me, ...also],
    ...(stamp === undefined ? {} : { stamps: { [write.me]: stamp } }),
    pending: write.wantedBy.filter((host) => host !== write.me && !also.includes(host)),
    dueAt: dueAtOnce,
    blocked: [],
    ...(write.savedBy
      ? { savedBy: write.savedBy }
      : before?.savedBy
        ? { savedBy: before.savedBy }
        : {}),
    ...(write.author === undefined ? {} : { author: write.author }),
    capturedAt: write.now,
    ...(isUnverified(info, write.now) ? { unverified: true } : {}),
    ...(write.overrules === true ? { overrules: true } : {}),
    ...(write.recording ? { unrecorded: true } : {}),
    ...(before && listToRecord(before, write)),
  };
}

/**
 * The entry after a delete. The delete applies to every version, so none of them becomes a
 * conflict.
 */
export function makeTombstoneEntry(before: Entry, write: EntryWrite): Entry {
  return {
    path: write.path,
    version: write.version,
    kind: 'tombstone',
    superseded: appendSuperseded(before, false, undefined).map((superseded) => ({
      ...superseded,
      conflicting: false,
    })),
    origin: write.me,
    capturedBy: write.me,
    heldBy: [write.me],
    pending: write.wantedBy.filter((host) => host !== write.me),
    dueAt: dueAtOnce,
    blocked: [],
    ...(before.savedBy ? { savedBy: before.savedBy } : {}),
    capturedAt: write.now,
    ...(write.recording ? { unrecorded: true } : {}),
    ...listToRecord(before, write),
  };
}

/**
 * The entry of a file that a document named while its delete was recorded. No host is known to
 * have the bytes, at the path or in the trash. Each host looks for them, and one that has them
 * becomes the origin. Undefined if the tombstone remembers no version.
 */
export function makeRevivedEntry(tombstone: Entry, write: EntryWrite): Entry | undefined {
  const last = tombstone.superseded.at(-1);
  if (!last) return undefined;
  const { version: _, conflicting: __, ...info } = last;
  return {
    path: write.path,
    version: write.version,
    kind: 'file',
    info: { nanos: 0, ...info },
    superseded: tombstone.superseded.slice(0, -1),
    origin: write.me,
    capturedBy: write.me,
    orphaned: true,
    heldBy: [],
    pending: [write.me, ...write.wantedBy.filter((host) => host !== write.me)],
    dueAt: dueAtOnce,
    blocked: [],
    ...(tombstone.savedBy ? { savedBy: tombstone.savedBy } : {}),
    capturedAt: write.now,
    ...(write.recording ? { unrecorded: true } : {}),
    ...listToRecord(tombstone, write),
  };
}
