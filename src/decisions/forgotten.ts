import { CLOCK_SKEW_MS } from '../model/clock.js';
import type { Entry } from '../model/entry.js';
import type { LocalFileInfo } from '../model/file.js';
import type { Host } from '../model/host.js';
import { supersededLimit } from './entries.js';
import { readChangeTime } from './file-state.js';

/** The time before a leader began in which none of its host may have worked. */
export interface Downtime {
  readonly since: Date;
  readonly until: Date;
}

/**
 * The downtime that ends now. A leader records its scans and, every hour, that it works. So the
 * last minutes before a restart may count as downtime.
 */
export function findDowntime(
  { lastSeenAt, scans = {} }: Pick<Host, 'lastSeenAt' | 'scans'>,
  now: Date,
): Downtime {
  const signs = [lastSeenAt, ...Object.values(scans).map(({ changed }) => changed)];
  const newest = Math.max(0, ...signs.map((at) => at?.getTime() ?? 0));
  return { since: new Date(Math.min(newest, now.getTime())), until: now };
}

/**
 * Whether the file may be a version that the entry has forgotten, as after the disk was restored
 * from a backup: the entry remembers as many versions as it may, the file is older than all of
 * them, and no leader of this host worked when it came. A disk is restored while the application
 * is stopped; a snapshot brings the change times of its day back. A file that comes while the
 * application runs is an upload, also with an old date.
 */
export function mayBeForgotten(
  entry: Entry | undefined,
  info: LocalFileInfo | undefined,
  { since, until }: Downtime,
): boolean {
  if (entry?.kind !== 'file' || !info) return false;
  const cameAt = readChangeTime(info);
  return (
    cameAt !== undefined &&
    ((cameAt >= since.getTime() && cameAt < until.getTime()) ||
      cameAt < entry.capturedAt.getTime() - CLOCK_SKEW_MS) &&
    entry.superseded.length >= supersededLimit &&
    entry.superseded.every(({ mtime }) => info.mtime < mtime)
  );
}
