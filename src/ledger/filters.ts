import type { mongo } from 'mongoose';
import type { DocumentRef } from '../model/capture.js';
import type { Entry } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

/** An entry as it is stored: its path is the `_id`. */
export type LedgerRow = Omit<Entry, 'path'> & { _id: string };
export type LedgerFilter = mongo.Filter<LedgerRow>;
export type LedgerUpdate = mongo.UpdateFilter<LedgerRow>;

/**
 * Selects the entries that meet every given condition. `missing`: files that no host holds.
 * `sendable`: due entries whose origin holds the bytes.
 */
export interface EntryFilter {
  pending?: HostId;
  origin?: HostId;
  blocked?: HostId;
  below?: Path;
  missing?: true;
  sendable?: true;
  kind?: Entry['kind'];
  /** Selects tombstones, and files that one of these hosts holds. */
  deliverableBy?: readonly HostId[];
  /** Selects entries captured at or after `since`, and at or before `before`. */
  since?: Date;
  before?: Date;
}

/** What operators look for, by path. */
export interface EntrySearch {
  /** A part of the path, whatever the case. */
  contains?: string;
  pending?: HostId;
  blocked?: HostId;
  missing?: boolean;
  savedBy?: DocumentRef;
  after?: Path;
}

export function makeSearchFilter(search: EntrySearch): LedgerFilter {
  const { contains, pending, blocked, missing, savedBy, after } = search;
  const path = {
    ...(contains !== undefined && { $regex: escapePattern(contains), $options: 'i' }),
    ...(after !== undefined && { $gt: after }),
  };
  return {
    ...(Object.keys(path).length > 0 ? { _id: path } : {}),
    ...(pending !== undefined && blocked === undefined
      ? { $or: [{ pending }, { 'blocked.host': pending }] }
      : {}),
    ...(blocked === undefined ? {} : { 'blocked.host': blocked }),
    ...(missing ? { kind: 'file', heldBy: [] } : {}),
    ...(savedBy ? { 'savedBy.model': savedBy.model, 'savedBy.id': savedBy.id } : {}),
  };
}

/** Escapes all characters that mean something in a pattern. */
function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|#\-/]/g, '\\$&');
}

/**
 * Matches the ids of a sync dir's paths: from `dir/` up to, not including, `dir0` (`0` is the
 * byte after `/`).
 */
export function matchBelow(dir: Path): { $gte: string; $lt: string } {
  return { $gte: `${dir}/`, $lt: `${dir}0` };
}

/** Matches entries with a version that one of these hosts has to record. */
export function matchUnrecorded(hosts: readonly HostId[]): LedgerFilter {
  const by = { $in: [...hosts] };
  return { $or: [{ unrecorded: true, capturedBy: by }, { 'toRecord.by': by }] };
}

/**
 * In milliseconds. No entry is due later than this, and no path is blocked for longer. A later date
 * was written before the clock was set back.
 */
const latestDueMs = 10 * 60_000,
  latestRetryMs = 2 * 60 * 60_000;

/** Matches due entries whose bytes the origin holds. A tombstone needs no bytes. */
export function matchSendableBy(origin: HostId): LedgerFilter {
  const now = new Date(),
    latest = new Date(now.getTime() + latestDueMs);
  return {
    dueAt: { $not: { $gt: now, $lte: latest } },
    $or: [{ heldBy: origin }, { kind: 'tombstone' }],
  };
}

/** Whether the retry of a blocked path is due. Matched by `matchDueBlocked`. */
export function isRetryDue(retryAt: Date | undefined, now: Date): boolean {
  if (!retryAt) return false;
  const waitMs = retryAt.getTime() - now.getTime();
  return waitMs <= 0 || waitMs > latestRetryMs;
}

/** Matches entries of an origin with a blocked path whose retry is due. */
export function matchDueBlocked(origin: HostId, now: Date): LedgerFilter {
  const latest = new Date(now.getTime() + latestRetryMs);
  return {
    $or: [{ $lte: now }, { $gt: latest }].map((retryAt) => ({
      origin,
      blocked: { $elemMatch: { retryAt } },
    })),
  };
}

export function makeEntryFilter(filter: EntryFilter): LedgerFilter {
  const { since, before } = filter;
  const captured = { ...(since ? { $gte: since } : {}), ...(before ? { $lte: before } : {}) };
  return {
    ...(filter.pending ? { pending: filter.pending } : {}),
    ...(filter.origin ? { origin: filter.origin } : {}),
    ...(filter.blocked ? { 'blocked.host': filter.blocked } : {}),
    ...(filter.below ? { _id: matchBelow(filter.below) } : {}),
    ...(filter.missing ? { kind: 'file', heldBy: [] } : {}),
    ...(filter.deliverableBy
      ? { $and: [{ $or: [{ kind: 'tombstone' }, { heldBy: { $in: [...filter.deliverableBy] } }] }] }
      : {}),
    ...(filter.kind ? { kind: filter.kind } : {}),
    ...((since ?? before) ? { capturedAt: captured } : {}),
    ...(filter.sendable && filter.origin ? matchSendableBy(filter.origin) : {}),
  };
}
