import { isDeepStrictEqual } from 'node:util';
import { SyncMediaError } from '../errors/errors.js';
import type { Failure, Host, HostId, Lane, Path, RemovalDecision, ScanTimes, SetupProblem, UnnamedSaves, Unsyncable } from '../words.js';
import { encodeKey, type HostRows } from './host-model.js';
import { Seals } from './seal.js';

/** What other hosts' work changes all the time, and nobody has to act on. */
const volatile = ['lease', 'lanes', 'sweeps', 'scans', 'seenAt', 'landed', 'reload', 'filled', 'knows', 'unsyncable', 'setup', 'unnamed', 'updatedAt'] as const;
const MAX_OUTPUT = 4096;
const MAX_SETUP = 100;

export type HostsListener = (before: readonly Host[], after: readonly Host[]) => void;
type Update = Parameters<HostRows['updateOne']>[1];

/**
 * The hosts as this process last read them, and the writes to their rows. It has no timer: whoever owns it calls `refresh`.
 * Methods that write throw what the driver throws; the caller owns what to do about a database that is away.
 */
export class Registry {
  private hosts: readonly Host[] = [];
  private running: Promise<readonly Host[]> | undefined;
  private next: Promise<readonly Host[]> | undefined;
  private readonly listeners = new Set<HostsListener>();
  private readonly landedListeners = new Set<(landed: number) => void>();
  /** When a row was last written by us: a refresh that began before does not know better. */
  private readonly writtenAt = new Map<HostId, number>();
  private writes = 0;

  /** @param self undefined on a machine without a host id */
  constructor(private readonly rows: () => HostRows, readonly self: HostId | undefined, private readonly seals = new Seals()) {}

  /** Reads all hosts anew. Callers at the same time share one read which began after they asked. */
  refresh(): Promise<readonly Host[]> {
    if (!this.running) {
      this.running = this.read().finally(() => { this.running = undefined; });
      return this.running;
    }
    this.next ??= this.running.catch(() => undefined).then(() => {
      this.next = undefined;
      return this.refresh();
    });
    return this.next;
  }

  /**
   * Tells what changed of who the hosts are: not of their lanes, leases, sweeps and counters. Listeners must not throw.
   * @returns how to stop listening
   */
  onChange(listener: HostsListener): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  /** Tells that senders raised this host's `landed`. */
  onLanded(listener: (landed: number) => void): () => void {
    this.landedListeners.add(listener);
    return () => { this.landedListeners.delete(listener); };
  }

  all(): readonly Host[] {
    return this.hosts;
  }

  /** This host's row, as last read. @throws NOT_INITIALISED without one */
  me(): Host {
    const me = this.hosts.find((host) => host.id === this.self);
    if (!me) throw new SyncMediaError('NOT_INITIALISED', `no host in the database has the id of this machine's state folder${this.self ? ` (${this.self})` : ''}: run \`syncmedia init\``);
    return me;
  }

  /** All but this host and the retired ones. */
  others(): Host[] {
    return this.hosts.filter((host) => host.id !== this.self && host.status !== 'retired');
  }

  /** Who is owed files, this host among them: approved or paused. */
  owed(): Host[] {
    return this.hosts.filter((host) => host.status === 'approved' || host.status === 'paused');
  }

  /** By hostname or id. @throws UNKNOWN_HOST */
  get(nameOrId: string): Host {
    const host = this.hosts.find(({ id }) => id === nameOrId) ?? this.hosts.find(({ hostname }) => hostname === nameOrId);
    if (!host) throw new SyncMediaError('UNKNOWN_HOST', `no host is called ${JSON.stringify(nameOrId)}: \`syncmedia hosts\` lists them`);
    return host;
  }

  /** How this host, as sender, gets on with another one. */
  async recordLane(to: HostId, lane: Lane): Promise<void> {
    await this.writeMine({ $set: { [`lanes.${encodeKey(to)}`]: withoutUndefined(lane) } });
  }

  /** Tells hosts how many files landed there. */
  async raiseLanded(files: ReadonlyMap<HostId, number>): Promise<void> {
    const operations = [...files].map(([_id, count]) => ({ updateOne: { filter: { _id }, update: { $inc: { landed: count } } } }));
    if (operations.length > 0) await this.rows().bulkWrite(operations, { ordered: false });
  }

  /**
   * When the owed scan of a sync dir is due; undefined: none is owed any more. It stays owed until the scan is stored, so that a
   * crash in between loses nothing.
   */
  async storeSweep(dir: Path, dueAt: Date | undefined): Promise<void> {
    const field = `sweeps.${encodeKey(dir)}`;
    await this.writeMine(dueAt ? { $set: { [field]: dueAt } } : { $unset: { [field]: 1 } });
  }

  /** This host, as sender, has owed another one what it captured before it knew it. */
  async recordFilled(key: string): Promise<void> {
    await this.writeMine({ $addToSet: { filled: key } });
  }

  /** This host folds by a host list with these from now on. */
  async recordKnown(hosts: readonly HostId[]): Promise<void> {
    await this.writeMine({ $addToSet: { knows: { $each: [...hosts] } } });
  }

  async recordScan(dir: Path, times: ScanTimes): Promise<void> {
    await this.writeMine({ $set: { [`scans.${encodeKey(dir)}`]: times } });
  }

  async recordSeen(at: Date): Promise<void> {
    await this.writeMine({ $set: { seenAt: at } });
  }

  /** That host is to be filled anew. */
  async forgetFilled(key: string): Promise<void> {
    await this.writeMine({ $pull: { filled: key } });
  }

  /** This host is a source for others from now on. The first time counts. */
  async markReady(): Promise<void> {
    await this.writeMine({ $set: { readyAt: new Date() }, $unset: { returnedAt: 1 } }, { readyAt: { $exists: false } });
  }

  /** This host was away for long: it is filled again before it is a source. */
  async markReturned(at: Date): Promise<void> {
    await this.writeMine({ $set: { returnedAt: at }, $unset: { readyAt: 1 } });
  }

  /** What the reload command came to; the last 4,096 characters of its output are kept. */
  async recordReload(reload: NonNullable<Host['reload']>): Promise<void> {
    await this.writeMine({ $set: { reload: { ...reload, output: reload.output.slice(-MAX_OUTPUT) } } });
  }

  /** What the application of this host declares and this host cannot sync. */
  async recordSetup(problems: readonly SetupProblem[]): Promise<void> {
    await this.writeMine(problems.length > 0 ? { $set: { setup: problems.slice(0, MAX_SETUP) } } : { $unset: { setup: 1 } });
  }

  /** Counts saves of this host's processes whose documents named no file. */
  async recordUnnamed(saves: ReadonlyMap<string, UnnamedSaves>): Promise<void> {
    const $inc: Record<string, number> = {}, $set: Record<string, unknown> = {};
    for (const [model, { count, lastDocument, lastAt }] of saves) {
      const field = `unnamed.${encodeKey(model)}`;
      $inc[`${field}.count`] = count;
      $set[`${field}.lastDocument`] = lastDocument;
      $set[`${field}.lastAt`] = lastAt;
    }
    await this.writeMine({ $inc, $set });
  }

  /** Sets or, without a failure, lifts what stops this host or one of its sync dirs. */
  async recordHalt(what: string, failure: Failure | undefined): Promise<void> {
    const field = `halted.${encodeKey(what)}`;
    await this.writeMine(failure ? { $set: { [field]: failure } } : { $unset: { [field]: 1 } });
  }

  /** What a scan of a sync dir of this host met and cannot sync; undefined: nothing. */
  async recordUnsyncable(dir: Path, found: Unsyncable | undefined): Promise<void> {
    const field = `unsyncable.${encodeKey(dir)}`;
    await this.writeMine(found ? { $set: { [field]: found } } : { $unset: { [field]: 1 } });
  }

  /** A person's decision on the removals of a sync dir that wait on a host. False where none wait. */
  async decideRemovals(host: HostId, dir: Path, decision: RemovalDecision['decision']): Promise<boolean> {
    const key = encodeKey(dir);
    return this.write(host, { $set: { [`removals.${key}`]: { decision, at: new Date() } }, $unset: { [`halted.${key}`]: 1 } }, { [`halted.${key}`]: { $exists: true } });
  }

  private mine(): HostId {
    return this.self ?? this.me().id;
  }

  private writeMine(update: Update, where: object = {}): Promise<boolean> {
    return this.write(this.mine(), update, where);
  }

  /** One atomic write; the row as it is then replaces the one read before. */
  private async write(id: HostId, update: Update, where: object = {}): Promise<boolean> {
    const row = await this.rows().findOneAndUpdate({ ...where, _id: id }, update, { returnDocument: 'after', includeResultMetadata: false });
    if (!row) return false;
    this.writtenAt.set(id, ++this.writes);
    this.replace(this.hosts.map((host) => (host.id === id ? this.seals.read(row) : host)));
    return true;
  }

  private async read(): Promise<readonly Host[]> {
    const began = this.writes;
    const read = (await this.rows().find().sort({ hostname: 1 }).toArray()).map((row) => this.seals.read(row));
    const newer = (host: Host): boolean => (this.writtenAt.get(host.id) ?? 0) > began;
    this.replace(read.map((host) => (newer(host) ? this.hosts.find(({ id }) => id === host.id) ?? host : host)));
    for (const id of this.writtenAt.keys()) if (!read.some((host) => host.id === id)) this.writtenAt.delete(id);
    return this.hosts;
  }

  private replace(after: readonly Host[]): void {
    const before = this.hosts;
    this.hosts = after;
    if (!isDeepStrictEqual(before.map(withoutVolatile), after.map(withoutVolatile))) {
      for (const listener of this.listeners) listener(before, after);
    }
    const [was, is] = [before, after].map((hosts) => hosts.find(({ id }) => id === this.self)?.landed);
    if (was !== undefined && is !== undefined && is > was) for (const listener of this.landedListeners) listener(is);
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
