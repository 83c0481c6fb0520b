import type { Difference, Entry, Facts, Finding, HostId, SyncDir } from '../model/words.js';
import { winsOverUnknown } from './differences.js';
import { haveSameFacts } from './file-state.js';

/**
 * Whether the host is about to receive the current version. Until then no difference counts as a
 * finding.
 */
function isOnItsWay(entry: Entry, host: HostId): boolean {
  return entry.owed.includes(host) || entry.blocked.some((one) => one.host === host);
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
  facts: Facts | undefined,
): Finding | 'content decides' | undefined {
  if (entry && isOnItsWay(entry, host)) return undefined;
  if (!entry?.facts) return facts ? 'extra' : undefined;
  if (!facts) return wanted ? 'missing' : undefined;
  return haveSameFacts(facts, entry.facts) ? 'content decides' : 'different';
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
  if (entry.kind !== 'file' || !entry.facts) return false;
  if (there && !passive && haveSameFacts(there, entry.facts) && entry.stamps?.[id] !== undefined)
    return false;
  if (
    !there ||
    haveSameFacts(there, entry.facts) ||
    entry.superseded.some((old) => haveSameFacts(old, there))
  )
    return true;
  return passive && winsOverUnknown(dir, entry.facts, there);
}
