import type { AuditEntry } from '../api/reports.js';
import { measureOutbox, type OutboxMeasure } from '../capture/measure-outbox.js';
import type { CaptureRow } from '../capture/captured-paths.js';
import type { HostContext } from '../context/host-context.js';
import { readDatabaseClock } from '../database/database-clock.js';
import { findLeader } from '../hosts/find-leader.js';
import { countLimit, type BlockedMeasure, type PendingMeasure } from '../ledger/measures.js';
import type { Host, HostId } from '../model/host.js';
import type { Run } from '../model/run.js';
import type { UnreadableRow } from '../model/unreadable-row.js';
import type { PendingCounts } from './pending-counts.js';

/** No query of a reading takes longer. In milliseconds. */
export const maxQueryMs = 2_000;
const runLimit = 50,
  auditLimit = 20;

export type ReadContext = Pick<
  HostContext,
  'config' | 'counters' | 'database' | 'registry' | 'ledger' | 'runs' | 'unreadable' | 'me' | 'dirs'
>;

/** What one reading of the database found. */
export interface SiteReading {
  /** The database's time. */
  readonly now: Date;
  readonly me: HostId;
  /** All hosts, retired ones too. */
  readonly hosts: readonly Host[];
  /** For each host the process that leads it. */
  readonly leaders: ReadonlyMap<HostId, string>;
  readonly entries: number;
  readonly missing: number;
  readonly pending: ReadonlyMap<HostId, PendingMeasure>;
  readonly blocked: readonly BlockedMeasure[];
  readonly captures: OutboxMeasure;
  /** For each host the versions that its history lacks. */
  readonly unrecorded: ReadonlyMap<HostId, number>;
  readonly runs: { readonly unfinished: readonly Run[]; readonly newest: readonly Run[] };
  readonly audit: readonly AuditEntry[];
  readonly unreadable: { readonly count: number; readonly newest?: UnreadableRow };
  readonly deliveries: ReadonlyMap<HostId, readonly number[]>;
  /** The sync dirs that this host knows. */
  readonly syncDirs: readonly string[];
}

/** Reads everything that the overview tells, in as few and as small queries as possible. */
export async function readSite(
  context: ReadContext,
  listAudit: (limit: number) => Promise<AuditEntry[]>,
  pendingCounts: PendingCounts,
): Promise<SiteReading> {
  const { config, counters, database, registry, ledger, runs, unreadable, me, dirs } = context;
  const limits = { limit: countLimit, maxTimeMS: maxQueryMs };
  const captureRows = database.collection<CaptureRow>(`${config.collectionPrefix}captures`);
  // Captures come first: one is removed after its entries are pending, so nothing falls between the
  // two counts.
  const [captures, now] = await Promise.all([
    measureOutbox(captureRows, limits),
    readDatabaseClock(database.connection),
    registry.refresh(),
  ]);
  const hosts = registry.all();
  const ids = hosts.filter(({ status }) => status !== 'retired').map(({ id }) => id);
  const keepsHistory = hosts.some(({ history }) => history !== undefined);
  const [
    entries,
    missing,
    pending,
    blocked,
    listed,
    audit,
    unreadableCount,
    newest,
    deliveries,
    unrecorded,
  ] = await Promise.all([
    ledger.measures.estimateEntries(),
    ledger.measures.countMissing(),
    pendingCounts.read(ledger.measures, ids),
    ledger.measures.measureBlocked(ids),
    runs.listBriefly(ids, { limit: runLimit, maxTimeMS: maxQueryMs }),
    listAudit(auditLimit),
    unreadable.count(),
    unreadable.list(1),
    counters.readDeliveries(now),
    keepsHistory ? ledger.measures.countUnrecorded() : new Map<HostId, number>(),
  ]);
  const [newestUnreadable] = newest;
  return {
    now,
    me,
    hosts,
    leaders: await findLeaders(hosts, now),
    entries,
    missing,
    pending,
    blocked,
    captures,
    unrecorded,
    runs: listed,
    audit,
    unreadable: {
      count: unreadableCount,
      ...(newestUnreadable && { newest: newestUnreadable }),
    },
    deliveries,
    syncDirs: dirs.current().list.map(({ path }) => path),
  };
}

async function findLeaders(hosts: readonly Host[], now: Date): Promise<Map<HostId, string>> {
  const found = await Promise.all(
    hosts.map(async (host) => ({ id: host.id, leader: await findLeader(host, now) })),
  );
  return new Map(
    found.flatMap(({ id, leader }) => (leader === undefined ? [] : [[id, leader] as const])),
  );
}
