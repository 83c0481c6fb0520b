import type { ClientSession, Connection } from 'mongoose';
import { batchInserts, isUnconfirmed } from '../util/collections.js';
import type { Batcher } from '../util/batcher.js';
import { readPrimaryTerm } from '../database/primary-term.js';
import type { RowReader } from '../database/unreadable-rows.js';
import type { Capture } from '../model/capture.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { CaptureRow } from './captured-paths.js';
import { OutboxQueries } from './outbox-queries.js';
import { UnstoredCaptures } from './unstored-captures.js';

/** The insert of a capture beside the write of its document. */
interface InsertBeside {
  /** Resolves once the driver was asked, so that the capture is sent before the document. */
  readonly sent: Promise<void>;
  /**
   * Resolves once the majority has the capture. If the majority does not confirm it in time, it
   * resolves to the term of the primary, which then has the capture, as after `announce`.
   */
  readonly stored: Promise<string | undefined>;
}

type WriteOptions = typeof majorityWrite | typeof primaryWrite | typeof besideWrite;

/** The driver accepts no write concern inside a transaction, which has its own. */
const majorityWrite = { writeConcern: { w: 'majority' } } as const;
const primaryWrite = { writeConcern: { w: 1 } } as const;
/**
 * A save waits for its capture, whatever write concern the application chose. So it must not wait
 * for long where too few servers are up for a majority.
 */
const besideWrite = { writeConcern: { w: 'majority', wtimeoutMS: 1_000 } } as const;
/** How long captures precede their documents after the majority confirmed one too late. */
const precedeMs = 60_000;

/**
 * The collection of captures: operations whose paths are not yet recorded in the ledger. Rows are
 * inserted and removed, never shared, so they conflict with no transaction.
 */
export class Outbox extends OutboxQueries {
  private readonly insertBatcher: Batcher<CaptureRow, void>;
  private readonly announceBatcher: Batcher<CaptureRow, void>;
  private readonly besideBatcher: Batcher<CaptureRow, void>;
  private readonly unstored = new UnstoredCaptures((capture) => this.insertAgain([capture]));
  private precedesUntil = 0;

  constructor(connection: Connection, prefix: string, reader: RowReader) {
    super(connection, prefix, reader);
    this.insertBatcher = batchInserts<CaptureRow>(() => this.collection, majorityWrite);
    this.announceBatcher = batchInserts<CaptureRow>(() => this.collection, primaryWrite);
    this.besideBatcher = batchInserts<CaptureRow>(() => this.collection, besideWrite);
  }

  async ensureIndexes(): Promise<void> {
    await this.collection.createIndexes([
      { key: { host: 1, dueAt: 1 } },
      { key: { touched: 1, _id: -1 } },
    ]);
  }

  /** One insert, in `session` if that belongs to this connection's client. */
  async insert(capture: Capture, session?: ClientSession): Promise<void> {
    await this.insertWith(majorityWrite, [capture], session);
  }

  /** Inserts the captures of one operation in one call. */
  async insertAll(captures: readonly Capture[], session?: ClientSession): Promise<void> {
    await this.insertWith(majorityWrite, captures, session);
  }

  /**
   * Inserts the captures of an operation that has written. Returns false if the majority did not
   * confirm them in time, so that a new primary may lack them.
   */
  async insertAfter(
    captures: readonly Capture[],
    session: ClientSession | undefined,
  ): Promise<boolean> {
    const isLate = performance.now() < this.precedesUntil && session?.inTransaction() !== true;
    try {
      await this.insertWith(isLate ? primaryWrite : besideWrite, captures, session);
      return !isLate;
    } catch (error) {
      if (!isUnconfirmed(error)) throw error;
      this.precedesUntil = performance.now() + precedeMs;
      return false;
    }
  }

  /**
   * Inserts the captures of an operation that writes on `connection` next. In a transaction they
   * belong to it. Otherwise they need not wait for the majority: on the same primary they survive
   * whenever the later write does. In that case it returns the term of the primary, and if
   * `isSamePrimary` denies that term after the write, `insertAgain` must follow.
   */
  async announce(
    captures: readonly Capture[],
    connection: Connection,
    session: ClientSession | undefined,
  ): Promise<string | undefined> {
    const precedes =
      session?.inTransaction() !== true && connection.getClient() === this.connection.getClient();
    const term = precedes ? readPrimaryTerm(this.connection) : undefined;
    await this.insertWith(term === undefined ? majorityWrite : primaryWrite, captures, session);
    return term;
  }

  /**
   * Begins to insert the capture of an operation that writes on `connection` meanwhile. Undefined
   * if the captures must precede the write. That is so for several of them; in a session, which
   * carries out one command at a time; with another client; while an earlier capture could not be
   * stored; and for a minute after the majority confirmed one too late.
   */
  insertBeside(
    captures: readonly Capture[],
    connection: Connection,
    session: ClientSession | undefined,
  ): InsertBeside | undefined {
    const [capture] = captures;
    if (
      capture === undefined ||
      captures.length > 1 ||
      session !== undefined ||
      connection.getClient() !== this.connection.getClient() ||
      !this.unstored.isEmpty ||
      performance.now() < this.precedesUntil
    )
      return undefined;
    const term = readPrimaryTerm(this.connection);
    let stored: InsertBeside['stored'] = Promise.resolve(undefined);
    const sent = new Promise<void>((resolve) => {
      stored = this.besideBatcher.add(toRow(capture), resolve).then(
        () => undefined,
        (error: unknown) => {
          if (!isUnconfirmed(error)) throw error;
          this.precedesUntil = performance.now() + precedeMs;
          return term;
        },
      );
    });
    return { sent, stored };
  }

  /**
   * Keeps captures in memory whose document was written, and stores them as soon as the outbox
   * takes them. Returns false if this outbox is closed, and keeps nothing.
   */
  keepUnstored(captures: readonly Capture[]): boolean {
    return this.unstored.add(captures);
  }

  /**
   * Tries once more to store the captures that it keeps in memory. Never rejects.
   *
   * @returns the captures that are lost
   */
  close(): Promise<readonly Capture[]> {
    return this.unstored.close();
  }

  /** Whether the primary is still in this term, so that no other one took its place. */
  isSamePrimary(term: string): boolean {
    return readPrimaryTerm(this.connection) === term;
  }

  /** Inserts captures that a new primary may lack. */
  async insertAgain(captures: readonly Capture[]): Promise<void> {
    await this.collection.bulkWrite(
      captures.map(({ id, ...row }) => ({
        updateOne: { filter: { _id: id }, update: { $setOnInsert: row }, upsert: true },
      })),
      { ...majorityWrite, ordered: false },
    );
  }

  /**
   * Removes captures of an operation that wrote nothing, or something else. It does not wait for
   * the majority, because a capture that a new primary still has is harmless.
   */
  async withdraw(ids: readonly string[], session?: ClientSession): Promise<void> {
    await this.collection.deleteMany(
      { _id: { $in: [...ids] } },
      this.writeOptions(session, primaryWrite),
    );
  }

  /** The next search for due captures finds these. */
  async makeDue(ids: readonly string[]): Promise<void> {
    await this.collection.updateMany(
      { _id: { $in: [...ids] } },
      { $min: { dueAt: new Date() } },
      majorityWrite,
    );
  }

  /**
   * Which of these captures wait to be processed: those that are stored, or kept in memory until
   * the outbox takes them. A capture that was written in a transaction is stored after the commit.
   */
  async findStored(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.collection
      .find({ _id: { $in: [...ids] } }, { readPreference: 'primary', projection: { _id: 1 } })
      .toArray();
    return new Set([...rows.map(({ _id }) => _id), ...ids.filter((id) => this.unstored.has(id))]);
  }

  /** Hands the captures of hosts that are retired to another one, which has their disk now. */
  async takeOver(from: readonly HostId[], to: HostId): Promise<void> {
    if (from.length === 0) return;
    await this.collection.updateMany(
      { host: { $in: [...from] } },
      { $set: { host: to } },
      majorityWrite,
    );
  }

  /**
   * Removes the captures of a host that is retired.
   *
   * @returns how many there were, and some of their paths
   */
  async dropOf(host: HostId): Promise<{ count: number; paths: Path[] }> {
    const some = await this.collection
      .find({ host }, { readPreference: 'primary', projection: { touched: 1 }, limit: 20 })
      .toArray();
    const { deletedCount: count } = await this.collection.deleteMany({ host }, majorityWrite);
    return { count, paths: some.flatMap(({ touched }) => touched) };
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.collection.deleteMany({ _id: { $in: [...ids] } }, majorityWrite);
  }

  /**
   * @param touched paths that remain after the requested scans were stored; omit to keep
   * everything
   */
  async postpone(id: string, dueAt: Date, touched?: readonly Path[]): Promise<void> {
    await this.collection.updateOne(
      { _id: id },
      { $set: { dueAt, ...(touched ? { touched: [...touched], rescan: [] } : {}) } },
      majorityWrite,
    );
  }

  /**
   * Keeps only these candidates, and paths that could not be processed, and checks them again
   * when the capture is due.
   */
  async keepUnreferenced(
    {
      id,
      touched,
      unreferenced,
      unreferencedSince,
    }: Pick<Capture, 'id' | 'touched' | 'unreferenced'> & { unreferencedSince: Date },
    dueAt: Date,
  ): Promise<void> {
    await this.collection.updateOne(
      { _id: id },
      {
        $set: {
          touched: [...touched],
          rescan: [],
          unreferenced: [...unreferenced],
          unreferencedSince,
          dueAt,
        },
      },
      majorityWrite,
    );
  }

  private async insertWith(
    write: WriteOptions,
    captures: readonly Capture[],
    session: ClientSession | undefined,
  ): Promise<void> {
    const rows = captures.map(toRow);
    const [row] = rows;
    if (row === undefined) return;
    if (rows.length > 1) await this.collection.insertMany(rows, this.writeOptions(session, write));
    // One row is the usual case. `insertOne` costs the driver less, and a batch even less.
    else if (session === undefined) await this.findBatcher(write).add(row);
    else await this.collection.insertOne(row, this.writeOptions(session, write));
  }

  private findBatcher(write: WriteOptions): Batcher<CaptureRow, void> {
    if (write === primaryWrite) return this.announceBatcher;
    return write === besideWrite ? this.besideBatcher : this.insertBatcher;
  }

  private writeOptions(
    session: ClientSession | undefined,
    write: WriteOptions,
  ): { session?: ClientSession } & Partial<WriteOptions> {
    if (session === undefined || !this.isOurs(session)) return write;
    return session.inTransaction() ? { session } : { session, ...write };
  }

  /**
   * The driver would refuse another client's session. Its types hide `client`, which every
   * session has.
   */
  private isOurs(session: ClientSession): boolean {
    return (session as ClientSession & { client?: unknown }).client === this.connection.getClient();
  }
}

function toRow({ id, ...row }: Capture): CaptureRow {
  return { _id: id, ...row };
}
