import type { Difference } from '../model/change.js';
import type { Entry } from '../model/entry.js';
import type { FileInfo } from '../model/file.js';
import type { Finding } from '../model/run.js';
import type { HostId } from '../model/host.js';
import type { SyncDir } from '../model/sync-dir.js';
import { winsOverUnknown } from './differences.js';
import { haveSameSizeAndTime } from './file-state.js';

/**
 * Whether the host is about to receive the current version. Until then no difference counts as a
 * finding.
 */
function isPendingFor(entry: Entry, host: HostId): boolean {
  return entry.pending.includes(host) || entry.blocked.some((one) => one.host === host);
}

/**
 * Compares a file of a host with its entry. Undefined means that nothing is wrong. If size and
 * date are those of the version, only the content can decide.
 * @param wanted whether the host should have the path at all
 */
export function findFault(
  entry: Entry | undefined,
  host: HostId,
  wanted: boolean,
  info: FileInfo | undefined,
): Finding | 'content decides' | undefined {
  if (entry && isPendingFor(entry, host)) return undefined;
  if (!entry?.info) return info ? 'extra' : undefined;
  if (!info) return wanted ? 'missing' : undefined;
  return haveSameSizeAndTime(info, entry.info) ? 'content decides' : 'different';
}

/**
 * Whether a repair may replace the file. It may if the file is missing, rotten (size and date of
 * the version, other bytes) or superseded. Other bytes may be new: an active host captures them
 * by itself, and for a passive one the conflict rule decides. Only a host that knows the stamp of
 * its file can tell an edit from rot, so another host's repair leaves that file alone.
 */
export function mayRepair(
  { there }: Difference,
  entry: Entry,
  { id, passive }: { id: HostId; passive: boolean },
  dir: SyncDir,
): boolean {
  if (entry.kind !== 'file' || !entry.info) return false;
  if (
    there &&
    !passive &&
    haveSameSizeAndTime(there, entry.info) &&
    entry.stamps?.[id] !== undefined
  )
    return false;
  if (
    !there ||
    haveSameSizeAndTime(there, entry.info) ||
    entry.superseded.some((superseded) => haveSameSizeAndTime(superseded, there))
  )
    return true;
  return passive && winsOverUnknown(dir, entry.info, there);
}
