import type { ClientSession, Collection, Connection, mongo } from 'mongoose';
import { gatherInserts } from '../database.js';
import type { Gathering } from '../gathering.js';
import type { Capture, HostId, Path } from '../words.js';

type CaptureRow = Omit<Capture, 'id'> & { _id: string };

/** The driver takes no write concern inside a transaction, whose own one counts. */
const majority = { writeConcern: { w: 'majority' } } as const;

/**
 * The collection of captures: what operations touched and no fold has stored yet. Rows are inserted and removed, never shared,
 * so that they conflict with no transaction. Before the connection is open its calls wait as the app's own do.
 */
export class Outbox {
  private readonly collection: Collection<CaptureRow>;
  private readonly inserting: Gathering<CaptureRow, void>;

  constructor(private readonly connection: Connection, prefix: string) {
    this.collection = connection.collection<CaptureRow>(`${prefix}captures`);
    this.inserting = gatherInserts(() => this.collection as unknown as mongo.Collection<CaptureRow>, majority);
  }

  async ensureIndexes(): Promise<void> {
    await this.collection.createIndex({ host: 1, dueAt: 1 });
  }

  /** One insert, in `session` where it is one of this connection's client. */
  async insert(capture: Capture, session?: ClientSession): Promise<void> {
    const { id, ...row } = capture;
    if (session === undefined) return this.inserting.ask({ _id: id, ...row });
    await this.collection.insertOne({ _id: id, ...row }, this.writeOptions(session));
  }

  /** Those of one operation, in one call. */
  async insertAll(captures: readonly Capture[], session?: ClientSession): Promise<void> {
    const [first] = captures;
    if (first === undefined) return;
    // The usual case, and less work for the driver.
    if (captures.length === 1) return this.insert(first, session);
    await this.collection.insertMany(captures.map(({ id, ...row }) => ({ _id: id, ...row })), this.writeOptions(session));
  }

  /** Takes captures back whose operation wrote nothing, or something else. */
  async withdraw(ids: readonly string[], session?: ClientSession): Promise<void> {
    await this.collection.deleteMany({ _id: { $in: [...ids] } }, this.writeOptions(session));
  }

  /** The captures of `host` that are due, oldest first. */
  async due(host: HostId, now: Date, limit: number): Promise<Capture[]> {
    const rows = await this.collection.find({ host, dueAt: { $lte: now } }, { readPreference: 'primary' }).sort({ dueAt: 1 }).limit(limit).toArray();
    return rows.map(({ _id, ...row }) => ({ id: _id, ...row }));
  }

  /** Which of these are stored: a capture written in a transaction is, once that was committed. */
  async findStored(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.collection.find({ _id: { $in: [...ids] } }, { readPreference: 'primary', projection: { _id: 1 } }).toArray();
    return new Set(rows.map(({ _id }) => _id));
  }

  /** Captures of any host that wait to be folded and name one of these paths; at most 1,000. */
  async findTouching(paths: readonly string[]): Promise<string[]> {
    if (paths.length === 0) return [];
    const rows = this.collection.find({ touched: { $in: [...paths] as Capture['touched'] } }, { readPreference: 'primary', projection: { _id: 1 }, limit: 1_000 });
    return (await rows.toArray()).map(({ _id }) => _id);
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.collection.deleteMany({ _id: { $in: [...ids] } }, majority);
  }

  /** @param touched the paths that are left to be looked at; left out: all of them */
  async postpone(id: string, dueAt: Date, touched?: readonly Path[]): Promise<void> {
    await this.collection.updateOne({ _id: id }, { $set: { dueAt, ...(touched ? { touched: [...touched] } : {}) } }, majority);
  }

  /** Of a capture only these candidates are left, to be looked at again when it is due. */
  async keepLeft(id: string, left: readonly Path[], since: Date, dueAt: Date): Promise<void> {
    await this.collection.updateOne({ _id: id }, { $set: { touched: [], sweep: [], left: [...left], leftSince: since, dueAt } }, majority);
  }

  /** How many wait to be folded, of one host or of all. */
  async count(host?: HostId): Promise<number> {
    return this.collection.countDocuments(host === undefined ? {} : { host }, { readPreference: 'primary' });
  }

  private writeOptions(session: ClientSession | undefined): { session?: ClientSession; writeConcern?: { w: 'majority' } } {
    if (session === undefined || !this.isOurs(session)) return majority;
    return session.inTransaction() ? { session } : { session, ...majority };
  }

  /** Another client's session would be refused by the driver. Its types hide `client`, which every session has. */
  private isOurs(session: ClientSession): boolean {
    return (session as ClientSession & { client?: unknown }).client === this.connection.getClient();
  }
}
