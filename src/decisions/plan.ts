import type { Change } from '../model/change.js';
import type { Entry } from '../model/entry.js';
import type { Host } from '../model/host.js';
import type { SyncDir } from '../model/sync-dir.js';
import { wantsPath } from './wants.js';

interface DeliveryPlan {
  readonly changes: Change[];
  /**
   * Pending entries that the host no longer wants: its sync dirs were narrowed, or a rule
   * excludes the path.
   */
  readonly unwanted: Entry[];
  /**
   * Entries that the host wants, in a sync dir that this host no longer keeps. Other hosts may
   * have them.
   */
  readonly unsendable: Entry[];
}

/**
 * The changes that bring these entries to `host`.
 *
 * @param findSyncDir the sync dir whose rules apply to a path here; 'excluded' if a rule excludes
 *   it; undefined if no sync dir contains it
 */
export function planDelivery(
  host: Host,
  entries: Iterable<Entry>,
  findSyncDir: (entry: Entry) => SyncDir | 'excluded' | undefined,
): DeliveryPlan {
  const changes: Change[] = [],
    unwanted: Entry[] = [],
    unsendable: Entry[] = [];
  for (const entry of entries) {
    const dir = findSyncDir(entry);
    if (dir === 'excluded' || !wantsPath(host, entry.path)) {
      unwanted.push(entry);
      continue;
    }
    if (!dir) {
      unsendable.push(entry);
      continue;
    }
    const common = {
      path: entry.path,
      dir,
      version: entry.version,
      ...(entry.savedBy ? { savedBy: entry.savedBy } : {}),
    };
    if (entry.kind === 'tombstone') changes.push({ ...common, do: 'remove' });
    else if (entry.info)
      changes.push({
        ...common,
        do: 'put',
        info: entry.info,
        ...(entry.overrules === true ? { overrules: true } : {}),
      });
  }
  return { changes, unwanted, unsendable };
}

/** The first entries that fit into one batch; at least one, however large. */
export function takeBatch(
  entries: Iterable<Entry>,
  limit: { files: number; bytes: number },
): Entry[] {
  const batch: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.info?.size ?? 0;
    if (batch.length > 0 && (batch.length >= limit.files || bytes + size > limit.bytes)) break;
    batch.push(entry);
    bytes += size;
  }
  return batch;
}
