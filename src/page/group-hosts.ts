import type { HostStateName } from '../api/overview.js';
import { showHidden } from './format.js';
import type { HeldRow } from './hold-rows.js';
import type { WireHost } from './wire.js';

/** From so many hosts on the table is grouped by state and has a filter. */
export const manyHosts = 12;

/** The rows of the table of hosts: grouped by state where there are many. */
export function makeHostRows(hosts: readonly WireHost[], filter: string): HeldRow<WireHost>[] {
  const isGrouped = hosts.length >= manyHosts;
  const wanted = filter.trim().toLowerCase();
  return hosts
    .filter(
      ({ hostname, note }) =>
        wanted === '' ||
        hostname.toLowerCase().includes(wanted) ||
        note.toLowerCase().includes(wanted),
    )
    .map((host) => ({ id: host.id, group: isGrouped ? host.state : '', item: host }));
}

export interface HostGroup {
  readonly name: string;
  readonly rows: readonly HeldRow<WireHost>[];
}

/** The rows by group, in the order in which the groups begin. */
export function splitGroups(rows: readonly HeldRow<WireHost>[]): HostGroup[] {
  const groups = new Map<string, HeldRow<WireHost>[]>();
  for (const row of rows) {
    const group = groups.get(row.group) ?? [];
    groups.set(row.group, [...group, row]);
  }
  return [...groups].map(([name, members]) => ({ name, rows: members }));
}

/** Groups in which nothing needs a person begin folded, if they are long. */
export function beginsFolded({ name, rows }: HostGroup): boolean {
  const calm: readonly string[] = ['up to date', 'paused'] satisfies HostStateName[];
  return calm.includes(name) && rows.length > 5;
}

/** Hosts that wait for files, those with the most first, and how many are left out. */
export function findWaiting(
  hosts: readonly WireHost[],
  listed = 3,
): { hosts: WireHost[]; others: number } {
  const waiting = hosts
    .filter(({ pending }) => pending.count > 0)
    .sort((one, other) => other.pending.count - one.pending.count);
  return { hosts: waiting.slice(0, listed), others: Math.max(0, waiting.length - listed) };
}

export const shownName = (host: Pick<WireHost, 'hostname'>): string => showHidden(host.hostname);
