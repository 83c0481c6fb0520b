import { isDeepStrictEqual } from 'node:util';
import type { BackendName } from '../model/backend-name.js';
import { SyncMediaError } from '../model/errors.js';
import type { Failure } from '../model/failure.js';
import type {
  Host,
  HostId,
  DeliveryState,
  HistoryState,
  RemovalDecision,
  ScanTimes,
  SetupProblem,
  UnnamedSaves,
  UnsyncableNames,
} from '../model/host.js';
import type { Path } from '../model/path.js';
import { encodeFieldName, type HostCollection } from './host-model.js';
import { Seals } from './seal.js';

/** Fields that change during normal work and need no reaction. */
const volatileFields = [
  'lease',
  'leaving',
  'heartbeatAt',
  'clockOffsetMs',
  'conflicts',
  'deliveries',
  'rescans',
  'scans',
  'lastSeenAt',
  'received',
  'retries',
  'requestedRuns',
  'reload',
  'history',
  'backfilled',
  'members',
  'unsyncable',
  'setup',
  'unnamed',
  'updatedAt',
] as const;
const MAX_RELOAD_OUTPUT = 4096;
const MAX_SETUP_PROBLEMS = 100;

type HostsListener = (before: readonly Host[], after: readonly Host[]) => void;
type HostRowUpdate = Parameters<HostCollection['updateOne']>[1];

/**
 * Caches the hosts as this process last read them, and writes to their rows. It has no timer: its
 * owner calls `refresh`. Write methods throw the driver's errors, and the caller handles an
 * absent database.
 */
export class Registry {
  private hosts: readonly Host[] = [];
  private currentRead: Promise<readonly Host[]> | undefined;
  private nextRead: Promise<readonly Host[]> | undefined;
  private readonly listeners = new Set<HostsListener>();
  private readonly receivedListeners = new Set<(received: number) => void>();
  /**
   * The number of our last write to each row. A refresh that began before that write has older
   * data.
   */
  private readonly writtenAt = new Map<HostId, number>();
  private writes = 0;

  /** @param self undefined on a machine without a host id */
  constructor(
    private readonly rows: () => HostCollection,
    readonly self: HostId | undefined,
    private readonly seals = new Seals(),
  ) {}

  /** Reads all hosts. Concurrent callers share one read, which began after they called. */
  refresh(): Promise<readonly Host[]> {
    if (!this.currentRead) {
      this.currentRead = this.readHosts().finally(() => {
        this.currentRead = undefined;
      });
      return this.currentRead;
    }
    this.nextRead ??= this.currentRead
      .catch(() => undefined)
      .then(() => {
        this.nextRead = undefined;
        return this.refresh();
      });
    return this.nextRead;
  }

  /**
   * Reports changes of host identities and settings, not of queues, leases, rescans and counters.
   * Listeners must not throw.
   * @returns a function that removes the listener
   */
  onChange(listener: HostsListener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Reports that another host has raised this host's counter `received`. */
  onReceived(listener: (received: number) => void): () => void {
    this.receivedListeners.add(listener);
    return () => {
      this.receivedListeners.delete(listener);
    };
  }

  all(): readonly Host[] {
    return this.hosts;
  }

  find(id: HostId): Host | undefined {
    return this.hosts.find((host) => host.id === id);
  }

  /** The time of the database, as far as this host's last heartbeats have measured it. */
  now(): Date {
    const me = this.hosts.find((host) => host.id === this.self);
    return new Date(Date.now() - (me?.clockOffsetMs ?? 0));
  }

  /** This host's row, as last read. @throws NOT_INITIALISED if there is none */
  me(): Host {
    const me = this.hosts.find((host) => host.id === this.self);
    if (!me)
      throw new SyncMediaError(
        'NOT_INITIALISED',
        `no host in the database has the id of this machine's state ` +
          `folder${this.self ? ` (${this.self})` : ''}: run \`syncmedia init\``,
      );
    return me;
  }

  /** All hosts except this one and the retired ones. */
  others(): Host[] {
    return this.hosts.filter((host) => host.id !== this.self && host.status !== 'retired');
  }

  /** The hosts for which files become pending, including this one: approved and paused hosts. */
  recipients(): Host[] {
    return this.hosts.filter((host) => host.status === 'approved' || host.status === 'paused');
  }

  /** Finds a host by hostname or id. @throws UNKNOWN_HOST */
  get(nameOrId: string): Host {
    const host =
      this.hosts.find(({ id }) => id === nameOrId) ??
      this.hosts.find(({ hostname }) => hostname === nameOrId);
    if (!host)
      throw new SyncMediaError(
        'UNKNOWN_HOST',
        `no host is called ${JSON.stringify(nameOrId)}: \`syncmedia hosts\` lists them`,
      );
    return host;
  }

  /** Stores the state of this host's deliveries to another host. */
  async recordDeliveryState(to: HostId, delivery: DeliveryState): Promise<void> {
    await this.writeOwnRow({
      $set: { [`deliveries.${encodeFieldName(to)}`]: withoutUndefined(delivery) },
    });
  }

  /** Raises the counters of hosts by the number of files that arrived there. */
  async raiseReceived(files: ReadonlyMap<HostId, number>): Promise<void> {
    const operations = [...files].map(([_id, count]) => ({
      updateOne: { filter: { _id }, update: { $inc: { received: count } } },
    }));
    if (operations.length > 0) await this.rows().bulkWrite(operations, { ordered: false });
  }

  /** Requests that every origin tries its deliveries to these hosts again, despite its backoff. */
  async requestRetries(hosts: readonly HostId[]): Promise<void> {
    await this.rows().updateMany({ _id: { $in: [...hosts] } }, { $inc: { retries: 1 } });
  }

  /** Tells another host that a run was requested there. */
  async announceRun(host: HostId): Promise<void> {
    await this.rows().updateOne({ _id: host }, { $inc: { requestedRuns: 1 } });
  }

  /**
   * Stores when the rescan of a sync dir is due; undefined once it is done. A rescan stays due
   * until its results are stored, so a crash in between loses nothing.
   */
  async storeRescan(dir: Path, dueAt: Date | undefined): Promise<void> {
    const field = `rescans.${encodeFieldName(dir)}`;
    await this.writeOwnRow(dueAt ? { $set: { [field]: dueAt } } : { $unset: { [field]: 1 } });
  }

  /**
   * Records that the backfill of another host is complete: this host's earlier files are pending
   * there.
   */
  async recordBackfilled(key: string): Promise<void> {
    await this.writeOwnRow({ $addToSet: { backfilled: key } });
  }

  /** Records that this host takes these hosts into account when it creates ledger entries. */
  async recordMembers(hosts: readonly HostId[]): Promise<void> {
    await this.writeOwnRow({ $addToSet: { members: { $each: [...hosts] } } });
  }

  async recordScan(dir: Path, times: ScanTimes): Promise<void> {
    await this.writeOwnRow({ $set: { [`scans.${encodeFieldName(dir)}`]: times } });
  }

  async recordLastSeen(at: Date): Promise<void> {
    await this.writeOwnRow({ $set: { lastSeenAt: at } });
  }

  async recordConflicts(count: number): Promise<void> {
    await this.writeOwnRow({ $set: { conflicts: count } });
  }

  /** Records that a host needs a new backfill. */
  async forgetBackfilled(key: string): Promise<void> {
    await this.writeOwnRow({ $pull: { backfilled: key } });
  }

  /** Marks this host as a source for other hosts. Only the first call has an effect. */
  async markReady(): Promise<void> {
    await this.writeOwnRow(
      { $set: { readyAt: new Date() }, $unset: { returnedAt: 1 } },
      { readyAt: { $exists: false } },
    );
  }

  /**
   * Marks this host as not ready after a long absence: it must catch up before it is a source
   * again.
   */
  async markReturned(at: Date): Promise<void> {
    await this.writeOwnRow({ $set: { returnedAt: at }, $unset: { readyAt: 1 } });
  }

  /** Stores the result of the reload command, with the last 4,096 characters of its output. */
  async recordReload(reload: NonNullable<Host['reload']>): Promise<void> {
    await this.writeOwnRow({
      $set: { reload: { ...reload, output: reload.output.slice(-MAX_RELOAD_OUTPUT) } },
    });
  }

  /** Stores the setup problems of this host's application. */
  async recordSetup(problems: readonly SetupProblem[]): Promise<void> {
    await this.writeOwnRow(
      problems.length > 0
        ? { $set: { setup: problems.slice(0, MAX_SETUP_PROBLEMS) } }
        : { $unset: { setup: 1 } },
    );
  }

  /** Adds to the counts of saves whose documents named no file. */
  async recordUnnamed(saves: ReadonlyMap<string, UnnamedSaves>): Promise<void> {
    const $inc: Record<string, number> = {},
      $set: Record<string, unknown> = {};
    for (const [model, { count, lastDocument, lastAt }] of saves) {
      const field = `unnamed.${encodeFieldName(model)}`;
      $inc[`${field}.count`] = count;
      $set[`${field}.lastDocument`] = lastDocument;
      $set[`${field}.lastAt`] = lastAt;
    }
    await this.writeOwnRow({ $inc, $set });
  }

  /** Sets a failure that halts this host or one of its sync dirs; undefined removes it. */
  async recordHalt(what: string, failure: Failure | undefined): Promise<void> {
    const field = `halted.${encodeFieldName(what)}`;
    await this.writeOwnRow(failure ? { $set: { [field]: failure } } : { $unset: { [field]: 1 } });
  }

  /**
   * Stores the names that a scan found and that cannot be synced; undefined if there are none.
   */
  async recordUnsyncable(dir: Path, found: UnsyncableNames | undefined): Promise<void> {
    const field = `unsyncable.${encodeFieldName(dir)}`;
    await this.writeOwnRow(found ? { $set: { [field]: found } } : { $unset: { [field]: 1 } });
  }

  /**
   * Stores which backend this host runs with, and how it keeps its history; undefined if its
   * backend keeps none.
   */
  async recordHistory(backend: BackendName, history: HistoryState | undefined): Promise<void> {
    await this.writeOwnRow(
      history ? { $set: { backend, history } } : { $set: { backend }, $unset: { history: 1 } },
    );
  }

  /**
   * Stores a person's decision on the pending removals of a sync dir on a host.
   * @param at the decision counts for removals that were noticed until then
   * @returns false if none are waiting
   */
  async decideRemovals(
    host: HostId,
    dir: Path,
    decision: RemovalDecision['decision'],
    at = new Date(),
  ): Promise<boolean> {
    const key = encodeFieldName(dir);
    return this.writeRow(
      host,
      {
        $set: { [`removals.${key}`]: { decision, at } },
        $unset: { [`halted.${key}`]: 1 },
      },
      { [`halted.${key}`]: { $exists: true } },
    );
  }

  private requireOwnId(): HostId {
    return this.self ?? this.me().id;
  }

  private writeOwnRow(update: HostRowUpdate, where: object = {}): Promise<boolean> {
    return this.writeRow(this.requireOwnId(), update, where);
  }

  /** Makes one atomic write. The resulting row replaces the one read before. */
  private async writeRow(id: HostId, update: HostRowUpdate, where: object = {}): Promise<boolean> {
    const row = await this.rows().findOneAndUpdate({ ...where, _id: id }, update, {
      returnDocument: 'after',
      includeResultMetadata: false,
    });
    if (!row) return false;
    this.writtenAt.set(id, ++this.writes);
    this.replaceHosts(this.hosts.map((host) => (host.id === id ? this.seals.readHost(row) : host)));
    return true;
  }

  private async readHosts(): Promise<readonly Host[]> {
    const writesBefore = this.writes;
    const read = (await this.rows().find().sort({ hostname: 1 }).toArray()).map((row) =>
      this.seals.readHost(row),
    );
    const newer = (host: Host): boolean => (this.writtenAt.get(host.id) ?? 0) > writesBefore;
    this.replaceHosts(
      read.map((host) =>
        newer(host) ? (this.hosts.find(({ id }) => id === host.id) ?? host) : host,
      ),
    );
    for (const id of this.writtenAt.keys())
      if (!read.some((host) => host.id === id)) this.writtenAt.delete(id);
    return this.hosts;
  }

  private replaceHosts(after: readonly Host[]): void {
    const before = this.hosts;
    this.hosts = after;
    if (!isDeepStrictEqual(before.map(withoutVolatile), after.map(withoutVolatile))) {
      for (const listener of this.listeners) listener(before, after);
    }
    const [was, is] = [before, after].map(
      (hosts) => hosts.find(({ id }) => id === this.self)?.received,
    );
    if (was !== undefined && is !== undefined && is > was)
      for (const listener of this.receivedListeners) listener(is);
  }
}

function withoutVolatile(host: Host): Partial<Host> {
  const rest: Partial<Host> = { ...host };
  for (const field of volatileFields) delete rest[field];
  return rest;
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}
