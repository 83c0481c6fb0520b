import type { HostDescription } from '../api/describe-host.js';
import type { HostOverview } from '../api/overview.js';
import type { PaintCell } from './colours.js';
import { formatAddress, formatHostStatus } from './format-host.js';
import type { Layout } from './layout.js';

/**
 * Formats the hosts as a table. On a terminal it leaves out the last columns if they do not fit.
 *
 * @param overview the state of the hosts that work
 */
export function formatHostTable(
  hosts: readonly HostDescription[],
  overview: readonly HostOverview[],
  layout: Layout,
): string {
  const working = new Map(overview.map((host) => [host.id, host]));
  return layout.addHint(
    layout.formatList(
      'hosts',
      ['HOST', 'ADDRESS', 'STATE', 'VERSION', 'LEASE', 'ROOT', 'SYNC DIRS', 'ID'],
      hosts.map((host) => [
        host.hostname,
        formatAddress(host),
        formatHostStatus(host, false),
        host.passive ? 'passive' : (working.get(host.id)?.version ?? '–'),
        formatLease(working.get(host.id)),
        host.rootPath,
        host.syncDirs.join(', ') || 'all',
        host.id,
      ]),
      ['ID', 'SYNC DIRS', 'ROOT'],
      paintHost,
    ),
  );
}

function formatLease(host: HostOverview | undefined): string {
  const parts = [host?.leader, host?.thisHost && 'this host'];
  return parts.filter((part) => typeof part === 'string').join(', ') || '–';
}

const paintHost: PaintCell = (heading, cell) => {
  if (heading !== 'STATE') return undefined;
  if (/waits for approval|no valid seal/.test(cell)) return 'bad';
  return cell === 'approved' ? 'good' : 'busy';
};
