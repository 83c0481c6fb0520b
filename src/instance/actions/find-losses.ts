import type { CappedCount } from '../../api/overview.js';
import type { Outbox } from '../../capture/outbox.js';
import { listKeepers, listOpenRescans } from '../../decisions/leaving.js';
import { countKept, listMarkedDirs } from '../../hosts/count-kept.js';
import type { HostsDeps } from '../../hosts/deps.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Host } from '../../model/host.js';
import { readState } from '../../state-dir/state.js';
import type { Losses } from './describe-losses.js';

/** The parts of the site that are examined before a host leaves. */
export interface LossSources {
  readonly deps: HostsDeps;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
}

/** All hosts, and the time of the database, as they were read together. */
export interface HostsReading {
  readonly hosts: readonly Host[];
  readonly now: Date;
}

export const maxCount = 10_000;
const maxPaths = 50;
/** In milliseconds. Which files only one host has is found by reading every entry. */
export const maxSearchMs = 10_000;

/**
 * Finds what the site would lose if a host left now.
 *
 * @param scanned the rescans for which a scan made up
 * @throws TIMED_OUT
 */
export async function findLosses(
  { deps, ledger, outbox }: LossSources,
  host: Host,
  { hosts, now }: HostsReading,
  scanned?: Host['rescans'],
): Promise<Losses> {
  const keepers = listKeepers(hosts, host.id, now);
  const [onlyHere, captures, kept] = await Promise.all([
    ledger.findHeldOnlyBy({ host: host.id, keepers }, maxCount + 1, maxPaths, maxSearchMs),
    outbox.count(host.id, maxCount + 1),
    countKeptFiles(deps, host),
  ]);
  return {
    onlyHere: { ...capCount(onlyHere.count), paths: onlyHere.paths },
    captures: capCount(captures),
    rescans: listOpenRescans(host.rescans, scanned),
    ...kept,
  };
}

/** Of another host, this machine knows only how many conflicts it counted. */
async function countKeptFiles(
  deps: HostsDeps,
  host: Host,
): Promise<Pick<Losses, 'conflicts' | 'replaced'>> {
  const state = readState(deps.config.stateDir);
  if (state?.id !== host.id) return { conflicts: host.conflicts ?? 0, replaced: 0 };
  const kept = { conflicts: 0, replaced: 0 };
  for (const dir of await listMarkedDirs(deps, state)) {
    kept.conflicts += await countKept(deps, state, dir, 'conflicts');
    kept.replaced += await countKept(deps, state, dir, 'replaced');
  }
  return kept;
}

export function capCount(count: number): CappedCount {
  return { count: Math.min(count, maxCount), capped: count > maxCount };
}
