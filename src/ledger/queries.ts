import type { mongo } from 'mongoose';
import type { RowReader } from '../database/unreadable-rows.js';
import type { Entry } from '../model/entry.js';
import { SyncMediaError } from '../model/errors.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import {
  makeEntryFilter,
  makeSearchFilter,
  matchBelow,
  matchSendableBy,
  matchUnrecorded,
  type EntryFilter,
  type EntrySearch,
  type LedgerFilter,
  type LedgerRow,
} from './filters.js';
import { entryShape } from './row-shape.js';
import { isTimeLimitExceeded } from '../util/collections.js';

/** Paths per query: a query has at most 16 MiB, like a document, and a path up to 2,000 bytes. */
const readBatch = 1_000;
/** The field that shows whether a row is still the one that was read. */
const fenceField = 'version';

function toEntry({ _id, ...rest }: LedgerRow): Entry {
  return { path: _id as Path, ...rest };
}

/** Finds, streams and counts the entries of the ledger. */
export class LedgerQueries {
  /** @param collection called at each use, because the app may open its connection again */
  constructor(
    private readonly collection: () => mongo.Collection<LedgerRow>,
    private readonly reader: RowReader,
  ) {}

  protected get rows(): mongo.Collection<LedgerRow> {
    return this.collection();
  }

  async read(path: Path): Promise<Entry | undefined> {
    const row = await this.rows.findOne({ _id: path });
    const [entry] = row ? await this.keepReadable([row]) : [];
    return entry;
  }

  async readMany(paths: readonly Path[]): Promise<Map<Path, Entry>> {
    const found = new Map<Path, Entry>();
    for (let at = 0; at < paths.length; at += readBatch) {
      const rows = await this.rows
        .find({ _id: { $in: paths.slice(at, at + readBatch) } })
        .toArray();
      for (const entry of await this.keepReadable(rows)) found.set(entry.path, entry);
    }
    return found;
  }

  /**
   * Finds entries that are pending for this host and whose origin is this host, or whose origin
   * lost the bytes. This host must check its own disk for them. Sorted by path, after `after`.
   */
  async findPendingAtOrigin(me: HostId, limit: number, after: Path | undefined): Promise<Entry[]> {
    const filter = {
      pending: me,
      $or: [{ origin: me }, { orphaned: true }],
      ...(after === undefined ? {} : { _id: { $gt: after } }),
    } as LedgerFilter;
    return this.findEntries(filter, { limit, sort: { _id: 1 } });
  }

  /**
   * Finds due entries of this origin that are pending for a host: half of them the newest, half
   * the oldest, each once.
   * @param exceptDirs sync dirs to leave out
   */
  async findPending(
    host: HostId,
    origin: HostId,
    limit: number,
    exceptDirs: readonly Path[] = [],
  ): Promise<Entry[]> {
    const except =
      exceptDirs.length > 0 ? { $nor: exceptDirs.map((dir) => ({ _id: matchBelow(dir) })) } : {};
    const filter = { origin, pending: host, ...matchSendableBy(origin), ...except } as LedgerFilter;
    const half = Math.ceil(limit / 2);
    const newest = await this.findEntries(filter, {
      sort: { capturedAt: -1 },
      limit: half,
      batchSize: half,
    });
    if (newest.length < half) return newest;
    const oldest = await this.findEntries(filter, {
      sort: { capturedAt: 1 },
      limit: limit - half,
      batchSize: limit - half,
    });
    return [...new Map([...newest, ...oldest].map((entry) => [entry.path, entry])).values()];
  }

  /**
   * One query for all delivery queues: whether this origin has any due entry pending for one of
   * these hosts.
   */
  async hasPending(origin: HostId, hosts: readonly HostId[]): Promise<boolean> {
    if (hosts.length === 0) return false;
    const filter: LedgerFilter = {
      origin,
      pending: { $in: [...hosts] },
      ...matchSendableBy(origin),
    };
    return (await this.rows.findOne(filter, { projection: { _id: 1 } })) !== null;
  }

  /**
   * Finds entries that this host may take over, because their origin lost the bytes or is one of
   * `gone`.
   */
  async findForTakeOver(me: HostId, gone: readonly HostId[], limit: number): Promise<Entry[]> {
    const orphaned: LedgerFilter = { orphaned: true, heldBy: me, origin: { $ne: me } };
    const ofGoneOrigins: LedgerFilter = {
      origin: { $in: [...gone] },
      $and: [
        { $or: [{ pending: { $ne: [] } }, { blocked: { $ne: [] } }] },
        { $or: [{ heldBy: me }, { kind: 'tombstone' }] },
      ],
    };
    const entries = await this.findEntries(orphaned, { limit });
    if (gone.length > 0) entries.push(...(await this.findEntries(ofGoneOrigins, { limit })));
    return entries;
  }

  /**
   * Finds entries of a sync dir that were captured after `since` and not after `before`. Sorted by
   * path, after `after`.
   */
  async findCaptured(
    { below, since, before }: { below: Path; since: Date; before: Date },
    limit: number,
    after: Path | undefined,
  ): Promise<Entry[]> {
    const filter = {
      _id: { ...matchBelow(below), ...(after === undefined ? {} : { $gt: after }) },
      capturedAt: { $gt: since, $lte: before },
    } as LedgerFilter;
    return this.findEntries(filter, { limit, sort: { _id: 1 } });
  }

  /** Finds entries with versions that these hosts have to record, sorted by path, after `after`. */
  async findUnrecorded(
    hosts: readonly HostId[],
    limit: number,
    after: Path | undefined,
  ): Promise<Entry[]> {
    const filter = {
      ...matchUnrecorded(hosts),
      ...(after === undefined ? {} : { _id: { $gt: after } }),
    } as LedgerFilter;
    return this.findEntries(filter, { limit, sort: { _id: 1 } });
  }

  /**
   * Finds files that these hosts captured before a time and whose version a host holds. Those that
   * wait to be recorded anyway are left out. Sorted by path, after `after`.
   */
  async findAdoptable(
    { heldBy, capturedBy, before }: { heldBy: HostId; capturedBy: readonly HostId[]; before: Date },
    limit: number,
    after: string | undefined,
  ): Promise<Entry[]> {
    const filter = {
      kind: 'file',
      heldBy,
      capturedBy: { $in: [...capturedBy] },
      capturedAt: { $lt: before },
      unrecorded: { $ne: true },
      ...(after === undefined ? {} : { _id: { $gt: after } }),
    } as LedgerFilter;
    return this.findEntries(filter, { limit, sort: { _id: 1 } });
  }

  /** Counts the files with versions that a host has to record, up to `limit`. */
  async countUnrecorded(host: HostId, limit: number): Promise<number> {
    return this.rows.countDocuments(matchUnrecorded([host]), { limit });
  }

  /** Streams the entries below a sync dir. */
  async *streamBelow(
    dir: Path,
    { heldBy, ...filter }: Pick<EntryFilter, 'kind' | 'since'> & { heldBy?: HostId } = {},
  ): AsyncIterable<Entry> {
    const rows = this.rows.find(
      {
        ...makeEntryFilter({ ...filter, below: dir }),
        ...(heldBy ? { heldBy } : {}),
      } as LedgerFilter,
      { batchSize: 500 },
    );
    for await (const row of rows) yield* await this.keepReadable([row]);
  }

  /**
   * Finds entries that this host captured and that the next rescan has to hash. Sorted by path,
   * after `after`.
   */
  async findUnverified(
    capturedBy: HostId,
    below: Path,
    limit: number,
    after?: Path,
  ): Promise<Entry[]> {
    const _id = { ...matchBelow(below), ...(after === undefined ? {} : { $gt: after }) };
    return this.findEntries({ capturedBy, unverified: true, _id }, { limit, sort: { _id: 1 } });
  }

  /** @param limit counting stops there */
  async count(filter: EntryFilter = {}, limit?: number): Promise<number> {
    return this.rows.countDocuments(makeEntryFilter(filter), limit === undefined ? {} : { limit });
  }

  /** Measures the files and bytes that an origin can send to a host now. */
  async measureSendable(filter: {
    pending: HostId;
    origin: HostId;
    below: Path;
    before: Date;
  }): Promise<{ files: number; bytes: number }> {
    const [sum] = await this.rows
      .aggregate<{ files: number; bytes: number }>([
        { $match: makeEntryFilter({ ...filter, sendable: true }) },
        { $group: { _id: null, files: { $sum: 1 }, bytes: { $sum: '$info.size' } } },
      ])
      .toArray();
    return { files: sum?.files ?? 0, bytes: sum?.bytes ?? 0 };
  }

  /** Lists the first entries by path, for the status. */
  async listEntries(filter: { blocked?: HostId; missing?: true }, limit: number): Promise<Entry[]> {
    return this.findEntries(makeEntryFilter(filter), { limit, sort: { _id: 1 } });
  }

  /**
   * Lists entries by path, as operators look for them.
   * @throws TIMED_OUT if the database takes longer than `maxTimeMs`
   */
  async search(search: EntrySearch, limit: number, maxTimeMs: number): Promise<Entry[]> {
    return explainTimeLimit(maxTimeMs, () =>
      this.findEntries(makeSearchFilter(search), {
        limit,
        sort: { _id: 1 },
        maxTimeMS: maxTimeMs,
      }),
    );
  }

  /**
   * Measures the deliveries to a host that are pending or blocked, at most `limit` of them.
   * @throws TIMED_OUT
   */
  async measureLacking(
    host: HostId,
    limit: number,
    maxTimeMs: number,
  ): Promise<{ files: number; bytes: number }> {
    const pipeline = [
      { $match: makeSearchFilter({ pending: host }) },
      { $limit: limit },
      { $group: { _id: null, files: { $sum: 1 }, bytes: { $sum: '$info.size' } } },
    ];
    const [sum] = await explainTimeLimit(maxTimeMs, () =>
      this.rows
        .aggregate<{ files: number; bytes: number }>(pipeline, { maxTimeMS: maxTimeMs })
        .toArray(),
    );
    return { files: sum?.files ?? 0, bytes: sum?.bytes ?? 0 };
  }

  /**
   * Finds files that this host holds and none of the `keepers`: how many, counted up to `limit`,
   * and the first paths.
   * @throws TIMED_OUT
   */
  async findHeldOnlyBy(
    { host, keepers }: { host: HostId; keepers: readonly HostId[] },
    limit: number,
    shown: number,
    maxTimeMs: number,
  ): Promise<{ count: number; paths: Path[] }> {
    const filter = { kind: 'file', heldBy: { $eq: host, $nin: [...keepers] } } as LedgerFilter;
    return explainTimeLimit(maxTimeMs, async () => {
      const count = await this.rows.countDocuments(filter, { limit, maxTimeMS: maxTimeMs });
      const first =
        count === 0
          ? []
          : await this.findEntries(filter, {
              limit: shown,
              sort: { _id: 1 },
              maxTimeMS: maxTimeMs,
            });
      return { count, paths: first.map(({ path }) => path) };
    });
  }

  /** Finds when the oldest entry that is pending for a host was captured. */
  async findOldestPending(
    filter: Pick<EntryFilter, 'deliverableBy'> & { pending: HostId },
  ): Promise<Date | undefined> {
    const [oldest] = await this.findEntries(makeEntryFilter(filter), {
      sort: { capturedAt: 1 },
      limit: 1,
    });
    return oldest?.capturedAt;
  }

  protected async findEntries(
    filter: LedgerFilter,
    options: mongo.FindOptions & { limit: number },
  ): Promise<Entry[]> {
    // MongoDB takes 0 for no limit.
    if (options.limit === 0) return [];
    return (
      await this.reader.readList(
        this.rows,
        () => this.rows.find(filter, options).toArray(),
        entryShape,
        fenceField,
      )
    ).map(toEntry);
  }

  private async keepReadable(rows: readonly LedgerRow[]): Promise<Entry[]> {
    return (await this.reader.keepReadable(this.rows, rows, entryShape, fenceField)).map(toEntry);
  }
}

/** @throws TIMED_OUT if the database ended the work because of its time limit */
async function explainTimeLimit<T>(maxTimeMs: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isTimeLimitExceeded(error)) throw error;
    throw new SyncMediaError(
      'TIMED_OUT',
      `the database needs more than ${String(maxTimeMs / 1000)} s for this search: look for the ` +
        'whole path, or try again when the database has less to do',
      { cause: error },
    );
  }
}
