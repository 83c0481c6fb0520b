import type { HostStatus, Status } from '../api/reports.js';
import { describeHostStatus } from './format-host.js';
import type { Layout } from './layout.js';

/** Formats the status: this host, a table of the hosts, and one for each kind of problem. */
export function formatStatus(status: Status, layout: Layout): string {
  const names = new Map(status.hosts.map(({ id, hostname }) => [id, hostname]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  return (
    layout.formatPairs([
      [
        'this host',
        status.thisHost
          ? `${status.thisHost.hostname} (${status.thisHost.id})`
          : 'not initialised: run `syncmedia init`',
      ],
      ['sync dirs', status.syncDirs.map(({ path }) => path).join(', ') || 'none yet'],
      ...(status.unsealedRules
        ? [
            [
              'unsealed rules',
              `${status.unsealedRules.join(', ')}: \`syncmedia doctor\` has the remedy`,
            ] as [string, string],
          ]
        : []),
      ['entries', String(status.entries)],
      ['captures', `${String(status.captures)} to be processed`],
      ['missing', [String(status.missing), ...status.missingPaths.slice(0, 5)].join('  ')],
      ['conflicts', formatConflictCount(status.conflicts.length)],
    ]) +
    layout.formatSection(
      ['HOST', 'STATUS', 'PENDING', 'SINCE', 'BLOCKED', 'LAST DELIVERY', 'LEASE'],
      status.hosts.map((host) => formatHostRow(host, layout)),
    ) +
    layout.formatSection(
      ['FAILING', 'FROM', 'FAILURE', '', 'SINCE', 'NEXT TRY'],
      status.hosts.flatMap((host) =>
        host.failures.map(({ origin, failure, since, nextTryAt }) => [
          host.hostname,
          nameOf(origin),
          failure.code,
          failure.message,
          layout.formatTime(since),
          layout.formatTime(nextTryAt),
        ]),
      ),
    ) +
    layout.formatSection(
      ['BLOCKED AT', 'PATH', 'FAILURE', '', 'SINCE', 'RETRY'],
      status.hosts.flatMap((host) =>
        host.blockedPaths.map(({ path, failure, since, retryAt, retrying }) => [
          host.hostname,
          path,
          failure.code,
          failure.message,
          layout.formatTime(since),
          retrying ? 'retrying' : retryAt ? layout.formatTime(retryAt) : 'by hand',
        ]),
      ),
    ) +
    layout.formatSection(
      ['HALTED ON', 'SYNC DIR', 'FAILURE', ''],
      status.hosts.flatMap((host) =>
        Object.entries(host.halted).map(([dir, { code, message }]) => [
          host.hostname,
          // What halts the host itself stands under its code.
          dir === code ? 'all' : dir,
          code,
          message,
        ]),
      ),
    ) +
    layout.formatSection(
      ['CANNOT BE SYNCED ON', 'PATH', '', 'FOUND'],
      status.hosts.flatMap((host) =>
        Object.values(host.unsyncable ?? {}).flatMap(({ examples, at }) =>
          examples.map(({ path, why }) => [host.hostname, path, why, layout.formatTime(at)]),
        ),
      ),
    ) +
    layout.formatSection(
      ['NOT SYNCED ON', 'WHAT', 'WHY', 'REMEDY'],
      status.hosts.flatMap((host) =>
        (host.setup ?? []).map(({ about, message, remedy }) => [
          host.hostname,
          about,
          message,
          remedy,
        ]),
      ),
    ) +
    layout.formatSection(
      ['HISTORY OF', 'WHAT', 'FAILURE'],
      status.hosts.flatMap((host) => listHistoryProblems(host, status.hosts)),
    ) +
    layout.formatSection(
      ['UNREADABLE IN THE ROW OF', 'FIELD'],
      status.hosts.flatMap((host) =>
        (host.unreadable ?? []).map((field) => [host.hostname, field]),
      ),
    ) +
    layout.formatSection(
      ['UNREADABLE ROW OF', 'ID', 'FIELDS', 'SET ASIDE'],
      status.unreadableRows.newest.map(({ collection, id, fields, at }) => [
        collection,
        id,
        fields.join(', '),
        layout.formatTime(at),
      ]),
    ) +
    layout.formatSection(
      ['SAVES WITHOUT A FILE ON', 'MODEL', 'COUNT', 'LAST DOCUMENT', 'AT'],
      status.hosts.flatMap((host) =>
        Object.entries(host.unnamed ?? {}).map(([model, { count, lastDocument, lastAt }]) => [
          host.hostname,
          model,
          String(count),
          lastDocument,
          layout.formatTime(lastAt),
        ]),
      ),
    ) +
    layout.formatSection(
      ['CONFLICT', 'KEPT AS', 'SINCE'],
      status.conflicts.map(({ path, keptAs, at }) => [path, keptAs, layout.formatTime(at)]),
    )
  );
}

function formatHostRow(host: HostStatus, layout: Layout): string[] {
  const marks = [
    host.thisHost && 'this host',
    host.passive && 'passive',
    !host.ready && 'not ready',
  ].filter((mark) => mark !== false);
  return [
    host.hostname,
    [describeHostStatus(host.status), ...marks].join(', '),
    String(host.pending),
    layout.formatTime(host.pendingSince),
    String(host.blocked),
    layout.formatTime(host.deliveredAt),
    host.lease?.leader ?? '–',
  ];
}

/** The status lists the first 100 conflicts only. */
function formatConflictCount(count: number): string {
  return `${formatCapped(count, 100)} on this host`;
}

/** A count that ends at a limit. */
function formatCapped(count: number, limit: number): string {
  return `${String(count)}${count >= limit ? ' or more' : ''}`;
}

/** Lists which versions of a host are not recorded or shared yet, and why. */
function listHistoryProblems(
  { hostname, history }: HostStatus,
  hosts: readonly HostStatus[],
): string[][] {
  if (!history) return [];
  const { failure, unrecorded, unshared = {}, adoption } = history;
  const nameOf = (id: string): string => hosts.find((host) => host.id === id)?.hostname ?? id;
  return [
    ...(failure || unrecorded > 0
      ? [
          [
            hostname,
            `${formatCapped(unrecorded, 1_000)} versions not recorded yet`,
            failure?.message ?? 'none: its leader records them',
          ],
        ]
      : []),
    ...(adoption && !adoption.endedAt
      ? [[hostname, `existing files: ${String(adoption.files)} recorded so far`, '–']]
      : []),
    ...Object.entries(unshared).map(([id, one]) => [
      hostname,
      `not shared with ${nameOf(id)}`,
      one.failure.message,
    ]),
  ];
}
