import type { HostOverview, HostStateName } from '../api/overview.js';
import { errorCatalogue } from '../model/error-catalogue.js';
import type { MetricDefinition, Sample } from './metric-definition.js';
import type { MetricsReading } from './metrics-reading.js';

/** All states. The type check finds one that is missing. */
const states = Object.keys({
  pending: 0,
  cloned: 0,
  down: 0,
  halted: 0,
  blocked: 0,
  filling: 0,
  paused: 0,
  behind: 0,
  'up to date': 0,
} satisfies Record<HostStateName, 0>);

type Read = (reading: MetricsReading) => Sample[];

/** One sample for each host that has the value. */
const perHost =
  (read: (host: HostOverview, reading: MetricsReading) => number | undefined): Read =>
  (reading) =>
    reading.overview.hosts.flatMap((host) => {
      const value = read(host, reading);
      return value === undefined ? [] : [{ labels: { host: host.hostname }, value }];
    });

const defineGauge = (
  name: string,
  help: string,
  labels: string[],
  read: Read,
): MetricDefinition => ({
  name: `syncmedia_${name}`,
  type: 'gauge',
  labels,
  help,
  read,
});

const defineHostGauge = (
  name: string,
  help: string,
  read: Parameters<typeof perHost>[0],
): MetricDefinition => defineGauge(name, help, ['host'], perHost(read));

/** The state of each host, and what stands in its way. */
export const hostMetrics: readonly MetricDefinition[] = [
  defineGauge(
    'build_info',
    'Always 1. The label is the version of syncmedia that the leader of the host runs.',
    ['host', 'version'],
    ({ overview }) =>
      overview.hosts.flatMap(({ hostname, version }) =>
        version === undefined ? [] : [{ labels: { host: hostname, version }, value: 1 }],
      ),
  ),
  defineGauge(
    'host_state',
    '1 for the state that the host is in, else 0.',
    ['host', 'state'],
    ({ overview }) =>
      overview.hosts.flatMap((host) =>
        states.map((state) => ({
          labels: { host: host.hostname, state },
          value: host.state === state ? 1 : 0,
        })),
      ),
  ),
  defineGauge(
    'host_failing',
    'How many hosts fail to deliver to the host, by error code; 1 for a code that the host ' +
      'itself reports.',
    ['host', 'code'],
    ({ overview }) => overview.hosts.flatMap(countFailures),
  ),
  defineGauge(
    'blocked_files',
    'Files that the host cannot receive while others go on, by error code; counted up to 10,000.',
    ['host', 'code'],
    ({ overview }) =>
      overview.hosts.flatMap(({ hostname, blockedBy }) => {
        const counts = new Map<string, number>();
        for (const { code, files } of blockedBy) addByCode(counts, code, files);
        return toCodeSamples(hostname, counts);
      }),
  ),
  defineHostGauge(
    'pending_files',
    'Files that the host waits for; counted up to 10,000.',
    ({ pending }) => pending.count,
  ),
  defineHostGauge(
    'pending_bytes',
    'The bytes of the counted files that the host waits for.',
    ({ pending }) => pending.bytes,
  ),
  defineHostGauge(
    'pending_oldest_seconds',
    'How long the oldest file that the host waits for has waited; 0 if none waits.',
    ({ oldestSeconds }) => oldestSeconds ?? 0,
  ),
  defineHostGauge(
    'last_delivery_timestamp_seconds',
    'When a file was last delivered to the host, in seconds since 1970.',
    ({ deliveredSecondsAgo }, { overview }) =>
      deliveredSecondsAgo === undefined
        ? undefined
        : Math.round(overview.at.getTime() / 1000) - deliveredSecondsAgo,
  ),
  defineHostGauge(
    'heartbeat_age_seconds',
    'The time since the leader of the host last renewed its lease.',
    ({ heartbeatSecondsAgo }) => heartbeatSecondsAgo,
  ),
  defineHostGauge(
    'clock_offset_seconds',
    "How far the clock of the host is ahead of the database's; negative if it is behind.",
    ({ clockOffsetSeconds }) => clockOffsetSeconds,
  ),
  defineHostGauge(
    'outbox_captures',
    'Captures of the host that its leader has not processed yet; counted up to 10,000 on all ' +
      'hosts.',
    ({ id }, { waiting }) => waiting.find(({ host }) => host === id)?.captures ?? 0,
  ),
  defineHostGauge(
    'outbox_oldest_seconds',
    'How long the oldest of these captures has waited; 0 if none waits.',
    ({ id }, { waiting }) => waiting.find(({ host }) => host === id)?.oldestSeconds ?? 0,
  ),
  defineHostGauge(
    'conflicts',
    'Files in the conflicts of the host, which wait for a decision.',
    ({ conflicts }) => conflicts,
  ),
  defineHostGauge(
    'removals_waiting',
    'Sync dirs of the host whose removals wait for a decision.',
    ({ hostname }, { overview }) =>
      overview.needs.filter(({ kind, host }) => kind === 'removals' && host === hostname).length,
  ),
];

/** The whole site. */
export const siteMetrics: readonly MetricDefinition[] = [
  defineGauge('ledger_entries', 'Entries of the ledger, estimated.', [], ({ overview }) => [
    { labels: {}, value: overview.entries },
  ]),
  defineGauge(
    'files_missing',
    'Files that no host holds; counted up to 10,000.',
    [],
    ({ overview }) => [{ labels: {}, value: overview.missing.count }],
  ),
  defineGauge(
    'snapshot_age_seconds',
    'The time since the database was read for these metrics. It grows while the database does ' +
      'not answer.',
    [],
    ({ ageSeconds }) => [{ labels: {}, value: ageSeconds }],
  ),
];

function countFailures({ hostname, code, failures }: HostOverview): Sample[] {
  const counts = new Map<string, number>();
  for (const failure of failures) addByCode(counts, failure.code, 1);
  if (code !== undefined && !counts.has(toKnownCode(code))) addByCode(counts, code, 1);
  return toCodeSamples(hostname, counts);
}

function addByCode(counts: Map<string, number>, code: string, count: number): void {
  const known = toKnownCode(code);
  counts.set(known, (counts.get(known) ?? 0) + count);
}

function toCodeSamples(host: string, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([code, value]) => ({ labels: { host, code }, value }));
}

/** Rows are written by other hosts, also of other versions. Their codes must not become series. */
function toKnownCode(code: string): string {
  return Object.hasOwn(errorCatalogue, code) ? code : 'OTHER';
}
