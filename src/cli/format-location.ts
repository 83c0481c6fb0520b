import type { FileStatus } from '../api/reports.js';
import type { Layout } from './layout.js';
import { formatBytes } from './progress.js';

/** Formats where a file is: its version, and what each host has of it or why it lacks the file. */
export function formatLocation(file: FileStatus, layout: Layout): string {
  return layout.formatPairs(listFacts(file, layout)) + formatHosts(file, layout);
}

function listFacts(file: FileStatus, layout: Layout): [name: string, value: string][] {
  const { path, kind, size, sha256, capturedAt, origin, pendingCaptures } = file;
  const waiting = pendingCaptures?.map(({ hostname }) => hostname).join(', ');
  return [
    [
      'file',
      kind === undefined && waiting === undefined ? `${path} (unknown to the ledger)` : path,
    ],
    ...(file.unsynced ? [['not synced', file.unsynced.message] as [string, string]] : []),
    ...(kind === 'tombstone'
      ? [['deleted', layout.formatTime(capturedAt)] as [string, string]]
      : []),
    ...(kind === 'file'
      ? ([
          ['size', size === undefined ? '–' : formatBytes(size)],
          ['sha256', sha256 ?? 'not computed yet'],
          ['captured', layout.formatTime(capturedAt)],
        ] as [string, string][])
      : []),
    ...(origin ? [['origin', origin.hostname] as [string, string]] : []),
    ...(waiting === undefined
      ? []
      : [['newer save', `on ${waiting}, not processed yet`] as [string, string]]),
  ];
}

function formatHosts(file: FileStatus, layout: Layout): string {
  const holds = file.kind === 'tombstone' ? 'has deleted it' : 'has it';
  return layout.formatSection(
    ['HOST', 'STATE', 'SINCE', 'WHY', 'NEXT TRY'],
    [
      ...file.heldBy.map(({ hostname }) => [hostname, holds, '', '', '']),
      ...file.pending.map(({ hostname, since, blocked, failure, failingSince, retryAt, why }) => [
        hostname,
        blocked ? 'blocked' : 'pending',
        layout.formatTime(failingSince ?? since),
        failure?.message === why ? `${failure.code}: ${why}` : why,
        retryAt ? layout.formatTime(retryAt) : '',
      ]),
      ...(file.unconcerned ?? []).map(({ hostname, why }) => [
        hostname,
        'not concerned',
        '',
        why,
        '',
      ]),
    ],
  );
}
