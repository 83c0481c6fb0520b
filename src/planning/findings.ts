import type { Difference, Entry, Facts, Finding, HostId, SyncDir } from '../words.js';
import { winsOverUnknown } from './differences.js';
import { haveSameFacts } from './standing.js';

/** Whether a host is about to get what is current: what lies there meanwhile is nothing to complain of. */
function isOnItsWay(entry: Entry, host: HostId): boolean {
  return entry.owed.includes(host) || entry.blocked.some((one) => one.host === host);
}

/**
 * What is wrong with what lies at a path of a host, to its entry; undefined: nothing. Where size and date are those of the version
 * only the content can tell.
 * @param wanted whether the host is to have the path at all
 */
export function findFault(entry: Entry | undefined, host: HostId, wanted: boolean, facts: Facts | undefined): Finding | 'content decides' | undefined {
  if (entry && isOnItsWay(entry, host)) return undefined;
  if (!entry?.facts) return facts ? 'extra' : undefined;
  if (!facts) return wanted ? 'missing' : undefined;
  return haveSameFacts(facts, entry.facts) ? 'content decides' : 'different';
}

/**
 * Whether a repair may replace what lies there: it is missing, rotten (size and date of the version, other bytes) or an old version.
 * Other bytes may be news, which an active host captures by itself; on a passive one the conflict rule decides. A host that knows the
 * stamp of its file can tell an edit from rot, which another one cannot: its own repair decides.
 */
export function mayRepair({ there }: Difference, entry: Entry, { id, passive }: { id: HostId; passive: boolean }, dir: SyncDir): boolean {
  if (entry.kind !== 'file' || !entry.facts) return false;
  if (there && !passive && haveSameFacts(there, entry.facts) && entry.stamps?.[id] !== undefined) return false;
  if (!there || haveSameFacts(there, entry.facts) || entry.superseded.some((old) => haveSameFacts(old, there))) return true;
  return passive && winsOverUnknown(dir, entry.facts, there);
}
