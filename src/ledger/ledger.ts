import type { mongo } from 'mongoose';
import { batchInserts, isDuplicateKey, isPartlyRefused } from '../util/collections.js';
import { SyncMediaError } from '../model/errors.js';
import type { Batcher } from '../util/batcher.js';
import { dueAtOnce } from '../decisions/entries.js';
import {
  removeHolder,
  markPending,
  releaseHost,
  type Transition,
} from '../decisions/transitions.js';
import type { RowReader } from '../database/unreadable-rows.js';
import type { Entry, Version } from '../model/entry.js';
import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import {
  makeCountFilter,
  matchBelow,
  matchSendableBy,
  type CountFilter,
  type LedgerFilter,
  type LedgerRow,
  type LedgerUpdate,
} from './filters.js';
import { entryShape } from './row-shape.js';
import { makeHoldUpdate, toLedgerUpdate } from './updates.js';

/** How often an entry is read and written again because it changed in between. */
const attempts = 10;
/** Paths per query: a query has at most 16 MiB, like a document, and a path up to 2,000 bytes. */
const readBatch = 1_000;
/** The field that shows whether a row is still the one that was read. */
const fenceField = 'version';
/**
 * An array operator fails on a field that is no array, and stops the update of all rows after it.
 */
const isArrayField = { $type: 'array' } as const;

export interface VersionFence {
  readonly path: Path;
  readonly version: Version;
}
export interface OriginFence extends VersionFence {
  readonly origin: HostId;
}

function toEntry({ _id, ...rest }: LedgerRow): Entry {
  return { path: _id as Path, ...rest };
}
function toRow({ path, ...rest }: Entry): LedgerRow {
  return { _id: path, ...rest };
}

/**
 * Stores one entry per path in MongoDB. Every write is atomic on one entry and fenced by the
 * version it was decided on. There are no transactions.
 */
export class Ledger {
  private readonly insertBatcher: Batcher<LedgerRow, void>;

  /** @param collection called at each use, because the app may open its connection again */
  constructor(
    private readonly collection: () => mongo.Collection<LedgerRow>,
    private readonly reader: RowReader,
  ) {
    this.insertBatcher = batchInserts(collection);
  }

  private get rows(): mongo.Collection<LedgerRow> {
    return this.collection();
  }

  async ensureIndexes(): Promise<void> {
    await this.rows.createIndexes([
      { key: { origin: 1, pending: 1, capturedAt: 1 }, name: 'pending at origin' },
      { key: { pending: 1, capturedAt: 1 }, name: 'pending' },
      { key: { 'blocked.retryAt': 1 }, name: 'blocked until', sparse: true },
      { key: { orphaned: 1 }, name: 'orphaned', sparse: true },
      { key: { capturedBy: 1, unverified: 1 }, name: 'unverified' },
      { key: { 'blocked.host': 1 }, name: 'blocked' },
    ]);
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

  /** Returns false if the path already has an entry. */
  async insert(entry: Entry): Promise<boolean> {
    try {
      await this.insertBatcher.add(toRow(entry));
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Returns false if the entry has another version by now. */
  async replace(version: Version, entry: Entry): Promise<boolean> {
    const { _id, ...rest } = toRow(entry);
    const result = await this.rows.replaceOne({ _id, version }, rest);
    return result.matchedCount === 1;
  }

  /** Records that the hosts hold this version. Returns false if the fence fails. */
  markHeld(
    { path, version }: VersionFence,
    hosts: readonly HostId[],
    sha256?: string,
  ): Promise<boolean> {
    return this.updateRow({ _id: path, version }, makeHoldUpdate(hosts, sha256));
  }

  /** Like `markHeld`, for many versions at once. Returns those whose fence failed. */
  async markManyHeld<
    T extends VersionFence & { hosts: readonly HostId[]; sha256?: string | undefined },
  >(acknowledgements: readonly T[]): Promise<T[]> {
    if (acknowledgements.length === 0) return [];
    const operations = acknowledgements.map(({ path, version, hosts, sha256 }) => ({
      updateOne: { filter: { _id: path, version }, update: makeHoldUpdate(hosts, sha256) },
    }));
    try {
      const result = await this.rows.bulkWrite(operations, { ordered: false });
      if (result.matchedCount === acknowledgements.length) return [];
    } catch (error) {
      if (!isPartlyRefused(error)) throw error;
    }
    const now = await this.readMany(acknowledgements.map(({ path }) => path));
    return acknowledgements.filter(({ path, version }) => now.get(path)?.version !== version);
  }

  /**
   * Writes one transition atomically, decided on the entry as it was read. Returns false if the
   * entry has another version or another origin by now. The origin counts, because an origin that
   * loses the bytes leaves the entry to be taken over.
   */
  writeTransition(
    { path, version, origin }: OriginFence,
    transition: Transition,
  ): Promise<boolean> {
    return this.updateRow({ _id: path, version, origin }, toLedgerUpdate(transition));
  }

  /**
   * Like `writeTransition`, decided on the newest state of the entry. Returns false if there is
   * no entry, or `decide` returns nothing.
   */
  async transitionLatest(
    path: Path,
    decide: (now: Entry) => Transition | undefined,
  ): Promise<boolean> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const now = await this.read(path),
        transition = now && decide(now);
      if (!transition) return false;
      if (await this.writeTransition(now, transition)) return true;
    }
    throw new SyncMediaError(
      'TIMED_OUT',
      `the entry of ${JSON.stringify(path)} changed ${attempts} times while it was written`,
    );
  }

  /**
   * Makes the current version pending for the hosts, which then no longer count as holders.
   * Always safe: at worst it causes one more delivery.
   * @param version the only version that is changed
   */
  markPending(path: Path, hosts: readonly HostId[], version?: Version): Promise<boolean> {
    return this.transitionLatest(path, (now) =>
      version === undefined || now.version === version ? markPending(now, hosts) : undefined,
    );
  }

  /**
   * Makes every entry of a sync dir pending for a host that neither holds it nor has it pending.
   * Returns how many.
   * @param origins the origins whose entries are changed; default: all
   */
  async markLackingPending(dir: Path, host: HostId, origins?: readonly HostId[]): Promise<number> {
    const result = await this.rows.updateMany(
      {
        _id: matchBelow(dir),
        heldBy: { $ne: host },
        pending: { $ne: host, ...isArrayField },
        'blocked.host': { $ne: host },
        ...(origins ? { origin: { $in: [...origins] } } : {}),
      },
      { $addToSet: { pending: host }, $set: { dueAt: dueAtOnce } },
    );
    return result.modifiedCount;
  }

  /**
   * Finds entries that are pending for their own origin, or that no host may send. This host must
   * check its own disk for them. Sorted by path, after `after`.
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
   * Records that the host is not concerned: it neither holds the entry, nor has it pending, nor
   * is blocked.
   */
  releaseHost({ path, version }: VersionFence, host: HostId): Promise<boolean> {
    return this.updateRow({ _id: path, version }, toLedgerUpdate(releaseHost(host)));
  }

  /**
   * Records that the host's copy is gone. If the host was the origin, a holder may take the entry
   * over.
   */
  removeHolder(entry: OriginFence, host: HostId): Promise<boolean> {
    return this.writeTransition(entry, removeHolder(entry, host));
  }

  /**
   * Blocks this path for one host: it waits separately and delays nothing. Without `retryAt` it
   * waits for a person.
   */
  async blockDelivery(
    { path, version }: VersionFence,
    host: HostId,
    failure: Failure,
    since: Date,
    retryAt: Date | undefined,
  ): Promise<void> {
    const blocked = { host, failure, since, ...(retryAt ? { retryAt } : {}) };
    // Two updates, because one update cannot pull from and push to the same array. After a crash
    // between them the entry is still pending.
    await this.updateRow({ _id: path, version }, { $pull: { blocked: { host } } });
    await this.updateRow(
      { _id: path, version, pending: host },
      { $pull: { pending: host }, $push: { blocked } },
    );
  }

  /** Makes the entry due at `dueAt`, not earlier. */
  postpone({ path, version }: VersionFence, dueAt: Date): Promise<boolean> {
    return this.updateRow({ _id: path, version }, { $set: { dueAt } });
  }

  /** Makes blocked paths pending again whose retry is due, at most `limit`. Returns how many. */
  async retryDueBlocked(origin: HostId, now: Date, limit: number): Promise<number> {
    const due = await this.findEntries(
      { origin, blocked: { $elemMatch: { retryAt: { $lte: now } } } },
      { limit },
    );
    let count = 0;
    for (const { path, version, blocked } of due) {
      const hosts = blocked
        .filter(({ retryAt }) => retryAt && retryAt <= now)
        .map(({ host }) => host);
      // The host stays in `blocked`, to remember since when the path fails. A success clears it.
      if (
        await this.updateRow(
          { _id: path, version },
          {
            $addToSet: { pending: { $each: hosts } },
            $unset: { 'blocked.$[due].retryAt': '' },
          },
          [{ 'due.host': { $in: hosts } }],
        )
      )
        count++;
    }
    return count;
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
    const half = Math.max(1, Math.floor(limit / 2));
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

  /** Makes this host the origin of an entry whose origin is gone or no longer holds it. */
  takeOver(entry: Entry, me: HostId): Promise<boolean> {
    const holds: LedgerFilter = entry.kind === 'tombstone' ? {} : { heldBy: me };
    return this.updateRow(
      { _id: entry.path, version: entry.version, origin: entry.origin, ...holds },
      { $set: { origin: me, dueAt: dueAtOnce }, $unset: { orphaned: '' } },
    );
  }

  /**
   * Finds entries that this host may take over, because their origin lost the bytes or is one of
   * `gone`.
   */
  async findOrphaned(me: HostId, gone: readonly HostId[], limit: number): Promise<Entry[]> {
    const lostByOrigin: LedgerFilter = { orphaned: true, heldBy: me, origin: { $ne: me } };
    const orphaned: LedgerFilter = {
      origin: { $in: [...gone] },
      $and: [
        { $or: [{ pending: { $ne: [] } }, { blocked: { $ne: [] } }] },
        { $or: [{ heldBy: me }, { kind: 'tombstone' }] },
      ],
    };
    const entries = await this.findEntries(lostByOrigin, { limit });
    if (gone.length > 0) entries.push(...(await this.findEntries(orphaned, { limit })));
    return entries;
  }

  /** Streams the entries below a sync dir. */
  async *streamBelow(
    dir: Path,
    { heldBy, ...filter }: Pick<CountFilter, 'kind' | 'since'> & { heldBy?: HostId } = {},
  ): AsyncIterable<Entry> {
    const rows = this.rows.find(
      {
        ...makeCountFilter({ ...filter, below: dir }),
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

  /**
   * Records that the content of a version is certain now.
   * @param stamp the stamp of the file on `host`, which has the version
   */
  confirmContent(
    { path, version }: VersionFence,
    sha256: string,
    host: HostId,
    stamp: string | undefined,
  ): Promise<boolean> {
    const set = {
      'info.sha256': sha256,
      ...(stamp === undefined ? {} : { [`stamps.${host}`]: stamp }),
    };
    return this.updateRow({ _id: path, version }, { $set: set, $unset: { unverified: '' } });
  }

  /** Removes a retired host from all entries. */
  async forgetHost(host: HostId): Promise<void> {
    await this.rows.updateMany(
      {
        $or: [{ pending: host }, { heldBy: host }, { 'blocked.host': host }],
        pending: isArrayField,
        heldBy: isArrayField,
        blocked: isArrayField,
      },
      { $pull: { pending: host, heldBy: host, blocked: { host } } },
    );
  }

  /**
   * Deletes tombstones of a sync dir that were written before `before` and that no host waits
   * for.
   */
  async forgetTombstones(dir: Path, before: Date): Promise<void> {
    await this.rows.deleteMany({
      _id: matchBelow(dir),
      kind: 'tombstone',
      pending: [],
      blocked: [],
      capturedAt: { $lt: before },
    });
  }

  async count(filter: CountFilter = {}): Promise<number> {
    return this.rows.countDocuments(makeCountFilter(filter));
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
        { $match: makeCountFilter({ ...filter, sendable: true }) },
        { $group: { _id: null, files: { $sum: 1 }, bytes: { $sum: '$info.size' } } },
      ])
      .toArray();
    return { files: sum?.files ?? 0, bytes: sum?.bytes ?? 0 };
  }

  /** Lists the first entries by path, for the status. */
  async listEntries(filter: { blocked?: HostId; missing?: true }, limit: number): Promise<Entry[]> {
    return this.findEntries(makeCountFilter(filter), { limit, sort: { _id: 1 } });
  }

  /** Finds when the oldest entry that is pending for a host was captured. */
  async findOldestPending(
    filter: Pick<CountFilter, 'deliverableBy'> & { pending: HostId },
  ): Promise<Date | undefined> {
    const [oldest] = await this.findEntries(makeCountFilter(filter), {
      sort: { capturedAt: 1 },
      limit: 1,
    });
    return oldest?.capturedAt;
  }

  private async findEntries(
    filter: LedgerFilter,
    options: mongo.FindOptions & { limit: number },
  ): Promise<Entry[]> {
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

  private async updateRow(
    filter: LedgerFilter,
    update: LedgerUpdate,
    arrayFilters?: mongo.Document[],
  ): Promise<boolean> {
    const result = await this.rows.updateOne(filter, update, arrayFilters ? { arrayFilters } : {});
    return result.matchedCount === 1;
  }
}
