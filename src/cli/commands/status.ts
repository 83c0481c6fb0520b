import type { Command } from 'commander';
import type { HostStatus, Status } from '../../api/sync-media.js';
import type { RunCommand } from '../command-context.js';
import { formatPairs, formatTable } from '../table.js';

export function addStatusCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('status')
    .description('Shows the pending files of each host, its last delivery, and its failures.')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const status = await sync.status();
        if (json) screen.printJson(status);
        else screen.print(formatStatus(status));
        return status.initialised ? 0 : 4;
      }),
    );
}

function formatStatus(status: Status): string {
  const names = new Map(status.hosts.map(({ id, hostname }) => [id, hostname]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  return (
    formatPairs([
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
      ['conflicts', `${String(status.conflicts.length)} recoverable on this host`],
    ]) +
    formatSection(
      ['HOST', 'STATUS', 'PENDING', 'SINCE', 'BLOCKED', 'LAST DELIVERY', 'LEASE'],
      status.hosts.map(formatHostRow),
    ) +
    formatSection(
      ['FAILING', 'FROM', 'FAILURE', '', 'SINCE', 'NEXT TRY'],
      status.hosts.flatMap((host) =>
        host.failures.map(({ origin, failure, since, nextTryAt }) => [
          host.hostname,
          nameOf(origin),
          failure.code,
          failure.message,
          formatTime(since),
          formatTime(nextTryAt),
        ]),
      ),
    ) +
    formatSection(
      ['BLOCKED AT', 'PATH', 'FAILURE', '', 'SINCE', 'RETRY'],
      status.hosts.flatMap((host) =>
        host.blockedPaths.map(({ path, failure, since, retryAt }) => [
          host.hostname,
          path,
          failure.code,
          failure.message,
          formatTime(since),
          retryAt ? formatTime(retryAt) : 'by hand',
        ]),
      ),
    ) +
    formatSection(
      ['CANNOT BE SYNCED ON', 'PATH', ''],
      status.hosts.flatMap((host) =>
        Object.values(host.unsyncable ?? {}).flatMap(({ examples }) =>
          examples.map(({ path, why }) => [host.hostname, path, why]),
        ),
      ),
    ) +
    formatSection(
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
    formatSection(
      ['UNREADABLE IN THE ROW OF', 'FIELD'],
      status.hosts.flatMap((host) =>
        (host.unreadable ?? []).map((field) => [host.hostname, field]),
      ),
    ) +
    formatSection(
      ['UNREADABLE ROW OF', 'ID', 'FIELDS', 'SET ASIDE'],
      status.unreadableRows.newest.map(({ collection, id, fields, at }) => [
        collection,
        id,
        fields.join(', '),
        formatTime(at),
      ]),
    ) +
    formatSection(
      ['SAVES WITHOUT A FILE ON', 'MODEL', 'COUNT', 'LAST DOCUMENT', 'AT'],
      status.hosts.flatMap((host) =>
        Object.entries(host.unnamed ?? {}).map(([model, { count, lastDocument, lastAt }]) => [
          host.hostname,
          model,
          String(count),
          lastDocument,
          formatTime(lastAt),
        ]),
      ),
    ) +
    formatSection(
      ['CONFLICT', 'KEPT AS', 'SINCE'],
      status.conflicts.map(({ path, keptAs, at }) => [path, keptAs, formatTime(at)]),
    )
  );
}

function formatHostRow(host: HostStatus): string[] {
  const marks = [
    host.thisHost && 'this host',
    host.passive && 'passive',
    !host.ready && 'not ready',
  ].filter((mark) => mark !== false);
  return [
    host.hostname,
    [host.status, ...marks].join(', '),
    String(host.pending),
    formatTime(host.pendingSince),
    String(host.blocked),
    formatTime(host.deliveredAt),
    host.lease?.leader ?? '–',
  ];
}

function formatSection(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length > 0 ? `\n${formatTable(headings, rows)}` : '';
}

function formatTime(date: Date | undefined): string {
  return date?.toISOString() ?? '–';
}
