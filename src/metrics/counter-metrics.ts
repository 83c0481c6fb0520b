import {
  deliveryOutcomes,
  deliveryPaths,
  durationBounds,
  type StoredHistogram,
  type StoredHostCounts,
} from '../counters/counter-row.js';
import { encodeFieldName } from '../hosts/host-model.js';
import type { HostId } from '../model/host.js';
import type { Run } from '../model/run.js';
import type { ReadOutcome } from '../model/events.js';
import type { MetricDefinition, Sample } from './metric-definition.js';
import type { MetricsReading } from './metrics-reading.js';

const readOutcomes = Object.keys({
  local: 0,
  fetched: 0,
  missing: 0,
  unavailable: 0,
  failed: 0,
} satisfies Record<ReadOutcome, 0>);
const runKinds = Object.keys({
  push: 0,
  pull: 0,
  verify: 0,
  adopt: 0,
  bootstrap: 0,
  restore: 0,
} satisfies Record<Run['kind'], 0>);
const endedStates = ['done', 'failed', 'cancelled'] as const satisfies readonly Run['state'][];

/** What the processes have counted. A label value that never occurred has 0. */
export const counterMetrics: readonly MetricDefinition[] = [
  {
    name: 'syncmedia_deliveries_total',
    type: 'counter',
    labels: ['host', 'path', 'outcome'],
    help:
      'Changes that were carried out or tried at the host. path: express is SFTP for small ' +
      'files.',
    read: (reading) =>
      forEachHost(reading, (counts, host) =>
        deliveryPaths.flatMap((path) =>
          deliveryOutcomes.map((outcome) => ({
            labels: { host, path, outcome },
            value: sum(counts.map(({ deliveries }) => deliveries?.[path]?.[outcome])),
          })),
        ),
      ),
  },
  {
    name: 'syncmedia_delivered_bytes_total',
    type: 'counter',
    labels: ['host', 'path'],
    help: 'Bytes that deliveries sent to the host.',
    read: (reading) =>
      forEachHost(reading, (counts, host) =>
        deliveryPaths.map((path) => ({
          labels: { host, path },
          value: sum(counts.map(({ bytes }) => bytes?.[path])),
        })),
      ),
  },
  {
    name: 'syncmedia_reads_total',
    type: 'counter',
    labels: ['host', 'outcome'],
    help: 'Requests of visitors for files at the host, by what came of them.',
    read: ({ overview, totals }) =>
      overview.hosts.flatMap(({ id, hostname }) =>
        readOutcomes.map((outcome) => ({
          labels: { host: hostname, outcome },
          value: sum(
            totals.filter(({ _id }) => _id === `host:${id}`).map(({ reads }) => reads?.[outcome]),
          ),
        })),
      ),
  },
  {
    name: 'syncmedia_runs_total',
    type: 'counter',
    labels: ['kind', 'state'],
    help: 'Runs that have ended.',
    read: ({ totals }) =>
      runKinds.flatMap((kind) =>
        endedStates.map((state) => ({
          labels: { kind, state },
          value: sum(totals.map(({ runs }) => runs?.[kind]?.[state])),
        })),
      ),
  },
  defineHistogram(
    'syncmedia_delivery_duration_seconds',
    'The time from the begin of a batch until the host has confirmed a file of it.',
    ({ duration }) => duration,
  ),
  defineHistogram(
    'syncmedia_save_to_host_duration_seconds',
    'The time from the capture of a save until the host has confirmed the file.',
    ({ saveToHost }) => saveToHost,
  ),
];

function defineHistogram(
  name: string,
  help: string,
  pick: (counts: StoredHostCounts) => StoredHistogram | undefined,
): MetricDefinition {
  return {
    name,
    type: 'histogram',
    labels: ['host'],
    help,
    read: (reading) =>
      forEachHost(reading, (counts, host) => toSamples(name, host, counts.map(pick))),
  };
}

/** The buckets of Prometheus contain those below them. */
function toSamples(
  name: string,
  host: string,
  stored: readonly (StoredHistogram | undefined)[],
): Sample[] {
  let count = 0;
  const buckets = [...durationBounds, '+Inf'].map((le, index) => {
    count += sum(stored.map((one) => one?.buckets?.[String(index)]));
    return { labels: { host, le }, value: count, metricName: `${name}_bucket` };
  });
  const seconds = sum(stored.map((one) => one?.ms)) / 1000;
  return [
    ...buckets,
    { labels: { host }, value: seconds, metricName: `${name}_sum` },
    { labels: { host }, value: count, metricName: `${name}_count` },
  ];
}

function forEachHost(
  { overview, totals }: MetricsReading,
  read: (counts: readonly StoredHostCounts[], hostname: string) => Sample[],
): Sample[] {
  return overview.hosts.flatMap(({ id, hostname }) =>
    read(
      totals.flatMap(({ to }) => pickHost(to, id) ?? []),
      hostname,
    ),
  );
}

function pickHost(
  to: Readonly<Record<string, StoredHostCounts>> | undefined,
  id: HostId,
): StoredHostCounts | undefined {
  const name = encodeFieldName(id);
  return to && Object.hasOwn(to, name) ? to[name] : undefined;
}

/** A counter never falls, so a malformed amount counts as none. */
function sum(amounts: readonly (number | undefined)[]): number {
  return amounts.reduce<number>(
    (total, amount = 0) => total + (Number.isFinite(amount) && amount > 0 ? amount : 0),
    0,
  );
}
