import { isDeepStrictEqual } from 'node:util';
import { SyncMediaError } from '../model/errors.js';
import type {
  Failure,
  Host,
  HostId,
  Lane,
  Path,
  RemovalDecision,
  ScanTimes,
  SetupProblem,
  UnnamedSaves,
  Unsyncable,
} from '../model/words.js';
import { encodeKey, type HostRows } from './host-model.js';
import { Seals } from './seal.js';

/** Fields that change during normal work and need no reaction. */
const volatile = [
  'lease',
  'lanes',
  'sweeps',
  'scans',
  'seenAt',
  'landed',
  'reload',
  'filled',
  'knows',
  'unsyncable',
  'setup',
  'unnamed',
  'updatedAt',
] as const;
const MAX_OUTPUT = 4096;
const MAX_SETUP = 100;

export type HostsListener = (before: readonly Host[], after: readonly Host[]) => void;
type Update = Parameters<HostRows['updateOne']>[1];

/**
 * Caches the hosts as this process last read them, and writes to their rows. It has no timer: its
 * owner calls `refresh`. Write methods throw the driver's errors, and the caller handles an
 * absent database.
 */
export class Registry {
  private hosts: readonly Host[] = [];
  private running: Promise<readonly Host[]> | undefined;
  private next: Promise<readonly Host[]> | undefined;
  private readonly listeners = new Set<HostsListener>();
  private readonly landedListeners = new Set<(landed: number) => void>();
  /**
   * The number of our last write to each row. A refresh that began before that write has older
   * data.
   */
  private readonly writtenAt = new Map<HostId, number>();
  private writes = 0;

  /** @param self undefined on a machine without a host id */
  constructor(
    private readonly rows: () => HostRows,
    readonly self: HostId | undefined,
    private readonly seals = new Seals(),
  ) {}

  /** Reads all hosts. Concurrent callers share one read, which began after they called. */
  refresh(): Promise<readonly Host[]> {
    if (!this.running) {
      this.running = this.read().finally(() => {
        this.running = undefined;
      });
      return this.running;
    }
    this.next ??= this.running
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        return this.refresh();
      });
    return this.next;
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
  onLanded(listener: (landed: number) => void): () => void {
    this.landedListeners.add(listener);
    return () => {
      this.landedListeners.delete(listener);
    };
  }

  all(): readonly Host[] {
    return this.hosts;
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
  owed(): Host[] {
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
  async recordLane(to: HostId, lane: Lane): Promise<void> {
    await this.writeMine({ $set: { [`lanes.${encodeKey(to)}`]: withoutUndefined(lane) } });
  }

  /** Raises the counters of hosts by the number of files that arrived there. */
  async raiseLanded(files: ReadonlyMap<HostId, number>): Promise<void> {
    const operations = [...files].map(([_id, count]) => ({
      updateOne: { filter: { _id }, update: { $inc: { landed: count } } },
    }));
    if (operations.length > 0) await this.rows().bulkWrite(operations, { ordered: false });
  }

  /**
   * Stores when the rescan of a sync dir is due; undefined once it is done. A rescan stays due
   * until its results are stored, so a crash in between loses nothing.
   */
  async storeSweep(dir: Path, dueAt: Date | undefined): Promise<void> {
    const field = `sweeps.${encodeKey(dir)}`;
    await this.writeMine(dueAt ? { $set: { [field]: dueAt } } : { $unset: { [field]: 1 } });
  }

  /**
   * Records that the backfill of another host is complete: this host's earlier files are pending
   * there.
   */
  async recordFilled(key: string): Promise<void> {
    await this.writeMine({ $addToSet: { filled: key } });
  }

  /** Records that this host takes these hosts into account when it creates ledger entries. */
  async recordKnown(hosts: readonly HostId[]): Promise<void> {
    await this.writeMine({ $addToSet: { knows: { $each: [...hosts] } } });
  }

  async recordScan(dir: Path, times: ScanTimes): Promise<void> {
    await this.writeMine({ $set: { [`scans.${encodeKey(dir)}`]: times } });
  }

  async recordSeen(at: Date): Promise<void> {
    await this.writeMine({ $set: { seenAt: at } });
  }

  /** Records that a host needs a new backfill. */
  async forgetFilled(key: string): Promise<void> {
    await this.writeMine({ $pull: { filled: key } });
  }

  /** Marks this host as a source for other hosts. Only the first call has an effect. */
  async markReady(): Promise<void> {
    await this.writeMine(
      { $set: { readyAt: new Date() }, $unset: { returnedAt: 1 } },
      { readyAt: { $exists: false } },
    );
  }

  /**
   * Marks this host as not ready after a long absence: it must catch up before it is a source
   * again.
   */
  async markReturned(at: Date): Promise<void> {
    await this.writeMine({ $set: { returnedAt: at }, $unset: { readyAt: 1 } });
  }

  /** Stores the result of the reload command, with the last 4,096 characters of its output. */
  async recordReload(reload: NonNullable<Host['reload']>): Promise<void> {
    await this.writeMine({
      $set: { reload: { ...reload, output: reload.output.slice(-MAX_OUTPUT) } },
    });
  }

  /** Stores the setup problems of this host's application. */
  async recordSetup(problems: readonly SetupProblem[]): Promise<void> {
    await this.writeMine(
      problems.length > 0
        ? { $set: { setup: problems.slice(0, MAX_SETUP) } }
        : { $unset: { setup: 1 } },
    );
  }

  /** Adds to the counts of saves whose documents named no file. */
  async recordUnnamed(saves: ReadonlyMap<string, UnnamedSaves>): Promise<void> {
    const $inc: Record<string, number> = {},
      $set: Record<string, unknown> = {};
    for (const [model, { count, lastDocument, lastAt }] of saves) {
      const field = `unnamed.${encodeKey(model)}`;
      $inc[`${field}.count`] = count;
      $set[`${field}.lastDocument`] = lastDocument;
      $set[`${field}.lastAt`] = lastAt;
    }
    await this.writeMine({ $inc, $set });
  }

  /** Sets a failure that halts this host or one of its sync dirs; undefined removes it. */
  async recordHalt(what: string, failure: Failure | undefined): Promise<void> {
    const field = `halted.${encodeKey(what)}`;
    await this.writeMine(failure ? { $set: { [field]: failure } } : { $unset: { [field]: 1 } });
  }

  /**
   * Stores the names that a scan found and that cannot be synced; undefined if there are none.
   */
  async recordUnsyncable(dir: Path, found: Unsyncable | undefined): Promise<void> {
    const field = `unsyncable.${encodeKey(dir)}`;
    await this.writeMine(found ? { $set: { [field]: found } } : { $unset: { [field]: 1 } });
  }

  /**
   * Stores a person's decision on the pending removals of a sync dir on a host.
   * @returns false if none are waiting
   */
  async decideRemovals(
    host: HostId,
    dir: Path,
    decision: RemovalDecision['decision'],
  ): Promise<boolean> {
    const key = encodeKey(dir);
    return this.write(
      host,
      {
        $set: { [`removals.${key}`]: { decision, at: new Date() } },
        $unset: { [`halted.${key}`]: 1 },
      },
      { [`halted.${key}`]: { $exists: true } },
    );
  }

  private mine(): HostId {
    return this.self ?? this.me().id;
  }

  private writeMine(update: Update, where: object = {}): Promise<boolean> {
    return this.write(this.mine(), update, where);
  }

  /** Makes one atomic write. The resulting row replaces the one read before. */
  private async write(id: HostId, update: Update, where: object = {}): Promise<boolean> {
    const row = await this.rows().findOneAndUpdate({ ...where, _id: id }, update, {
      returnDocument: 'after',
      includeResultMetadata: false,
    });
    if (!row) return false;
    this.writtenAt.set(id, ++this.writes);
    this.replace(this.hosts.map((host) => (host.id === id ? this.seals.read(row) : host)));
    return true;
  }

  private async read(): Promise<readonly Host[]> {
    const began = this.writes;
    const read = (await this.rows().find().sort({ hostname: 1 }).toArray()).map((row) =>
      this.seals.read(row),
    );
    const newer = (host: Host): boolean => (this.writtenAt.get(host.id) ?? 0) > began;
    this.replace(
      read.map((host) =>
        newer(host) ? (this.hosts.find(({ id }) => id === host.id) ?? host) : host,
      ),
    );
    for (const id of this.writtenAt.keys())
      if (!read.some((host) => host.id === id)) this.writtenAt.delete(id);
    return this.hosts;
  }

  private replace(after: readonly Host[]): void {
    const before = this.hosts;
    this.hosts = after;
    if (!isDeepStrictEqual(before.map(withoutVolatile), after.map(withoutVolatile))) {
      for (const listener of this.listeners) listener(before, after);
    }
    const [was, is] = [before, after].map(
      (hosts) => hosts.find(({ id }) => id === this.self)?.landed,
    );
    if (was !== undefined && is !== undefined && is > was)
      for (const listener of this.landedListeners) listener(is);
  }
}

function withoutVolatile(host: Host): Partial<Host> {
  const rest: Partial<Host> = { ...host };
  for (const field of volatile) delete rest[field];
  return rest;
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}
