import type { Change, Entry, Host, SyncDir } from '../words.js';
import { wants } from './wants.js';

export interface Plan {
  readonly changes: Change[];
  /** Entries the host is owed but does not want any more: its sync dirs were narrowed, or a rule excludes the path. */
  readonly unwanted: Entry[];
  /** Entries the host wants, in a sync dir that this one keeps no more: others may have them. */
  readonly unsendable: Entry[];
}

/**
 * What is to happen on `host` to bring these entries there.
 *
 * @param dirOf the sync dir that rules a path here; 'excluded' where a rule keeps it from being synced; undefined where none has it
 */
export function plan(host: Host, entries: Iterable<Entry>, dirOf: (entry: Entry) => SyncDir | 'excluded' | undefined): Plan {
  const changes: Change[] = [], unwanted: Entry[] = [], unsendable: Entry[] = [];
  for (const entry of entries) {
    const dir = dirOf(entry);
    if (dir === 'excluded' || !wants(host, entry.path)) { unwanted.push(entry); continue; }
    if (!dir) { unsendable.push(entry); continue; }
    const common = { path: entry.path, dir, version: entry.version, ...(entry.savedBy ? { savedBy: entry.savedBy } : {}) };
    if (entry.kind === 'tombstone') changes.push({ ...common, do: 'remove' });
    else if (entry.facts) changes.push({ ...common, do: 'put', facts: entry.facts, ...(entry.overrules === true ? { overrules: true } : {}) });
  }
  return { changes, unwanted, unsendable };
}

/** The first of the entries that fit into one batch; at least one, however large. */
export function takeBatch(entries: Iterable<Entry>, limit: { files: number; bytes: number }): Entry[] {
  const batch: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.facts?.size ?? 0;
    if (batch.length > 0 && (batch.length >= limit.files || bytes + size > limit.bytes)) break;
    batch.push(entry);
    bytes += size;
  }
  return batch;
}
