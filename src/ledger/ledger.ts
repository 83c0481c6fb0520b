import type { mongo } from 'mongoose';
import { gatherInserts, isDuplicateKey, isRefusedInPart } from '../util/collections.js';
import { SyncMediaError } from '../model/errors.js';
import type { Gathering } from '../util/batcher.js';
import { atOnce } from '../decisions/entries.js';
import { leave, owe, release, type Transition } from '../decisions/transitions.js';
import type { RowReader } from '../database/unreadable-rows.js';
import type { Entry, Failure, HostId, Path, Version } from '../model/words.js';
import {
  countFilter,
  isBelow,
  sendableBy,
  type CountFilter,
  type Filter,
  type Row,
  type Update,
} from './filters.js';
import { entryShape } from './row-shape.js';
import { holdUpdate, toUpdate } from './updates.js';

/** How often an entry is read and written again because it changed in between. */
const attempts = 10;
/** Paths per query: a query has at most 16 MiB, like a document, and a path up to 2,000 bytes. */
const readBatch = 1_000;
/** The field that shows whether a row is still the one that was read. */
const fence = 'version';
/**
 * An array operator fails on a field that is no array, and stops the update of all rows after it.
 */
const isList = { $type: 'array' } as const;

export interface Fence {
  readonly path: Path;
  readonly version: Version;
}
export interface Sent extends Fence {
  readonly sender: HostId;
}

function toEntry({ _id, ...rest }: Row): Entry {
  return { path: _id as Path, ...rest };
}
function toRow({ path, ...rest }: Entry): Row {
  return { _id: path, ...rest };
}

/**
 * Stores one entry per path in MongoDB. Every write is atomic on one entry and fenced by the
 * version it was decided on. There are no transactions.
 */
export class Ledger {
  private readonly inserting: Gathering<Row, void>;

  /** @param collection called at each use, because the app may open its connection again */
  constructor(
    private readonly collection: () => mongo.Collection<Row>,
    private readonly reader: RowReader,
  ) {
    this.inserting = gatherInserts(collection);
  }

  private get rows(): mongo.Collection<Row> {
    return this.collection();
  }

  async ensureIndexes(): Promise<void> {
    await this.rows.createIndexes([
      { key: { sender: 1, owed: 1, capturedAt: 1 }, name: 'owed' },
      { key: { owed: 1, capturedAt: 1 }, name: 'owed to' },
      { key: { 'blocked.retryAt': 1 }, name: 'blocked until', sparse: true },
      { key: { adoptable: 1 }, name: 'adoptable', sparse: true },
      { key: { capturedBy: 1, unsure: 1 }, name: 'unsure' },
      { key: { 'blocked.host': 1 }, name: 'blocked' },
    ]);
  }

  async read(path: Path): Promise<Entry | undefined> {
    const row = await this.rows.findOne({ _id: path });
    const [entry] = row ? await this.readable([row]) : [];
    return entry;
  }

  async readMany(paths: readonly Path[]): Promise<Map<Path, Entry>> {
    const found = new Map<Path, Entry>();
    for (let at = 0; at < paths.length; at += readBatch) {
      const rows = await this.rows
        .find({ _id: { $in: paths.slice(at, at + readBatch) } })
        .toArray();
      for (const entry of await this.readable(rows)) found.set(entry.path, entry);
    }
    return found;
  }

  /** Returns false if the path already has an entry. */
  async insert(entry: Entry): Promise<boolean> {
    try {
      await this.inserting.ask(toRow(entry));
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
  hold({ path, version }: Fence, hosts: readonly HostId[], sha256?: string): Promise<boolean> {
    return this.update({ _id: path, version }, holdUpdate(hosts, sha256));
  }

  /** Like `markHeld`, for many versions at once. Returns those whose fence failed. */
  async holdMany<T extends Fence & { hosts: readonly HostId[]; sha256?: string | undefined }>(
    settles: readonly T[],
  ): Promise<T[]> {
    if (settles.length === 0) return [];
    const operations = settles.map(({ path, version, hosts, sha256 }) => ({
      updateOne: { filter: { _id: path, version }, update: holdUpdate(hosts, sha256) },
    }));
    try {
      const result = await this.rows.bulkWrite(operations, { ordered: false });
      if (result.matchedCount === settles.length) return [];
    } catch (error) {
      if (!isRefusedInPart(error)) throw error;
    }
    const now = await this.readMany(settles.map(({ path }) => path));
    return settles.filter(({ path, version }) => now.get(path)?.version !== version);
  }

  /**
   * Writes one transition atomically, decided on the entry as it was read. Returns false if the
   * entry has another version or another origin by now. The origin counts, because an origin that
   * loses the bytes leaves the entry to be taken over.
   */
  change({ path, version, sender }: Sent, transition: Transition): Promise<boolean> {
    return this.update({ _id: path, version, sender }, toUpdate(transition));
  }

  /**
   * Like `change`, decided on the newest state of the entry. Returns false if there is
   * no entry, or `decide` returns nothing.
   */
  async changeNow(path: Path, decide: (now: Entry) => Transition | undefined): Promise<boolean> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const now = await this.read(path),
        transition = now && decide(now);
      if (!transition) return false;
      if (await this.change(now, transition)) return true;
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
  owe(path: Path, hosts: readonly HostId[], version?: Version): Promise<boolean> {
    return this.changeNow(path, (now) =>
      version === undefined || now.version === version ? owe(now, hosts) : undefined,
    );
  }

  /**
   * Makes every entry of a sync dir pending for a host that neither holds it nor has it pending.
   * Returns how many.
   * @param senders the origins whose entries are changed; default: all
   */
  async oweLacking(dir: Path, host: HostId, senders?: readonly HostId[]): Promise<number> {
    const result = await this.rows.updateMany(
      {
        _id: isBelow(dir),
        heldBy: { $ne: host },
        owed: { $ne: host, ...isList },
        'blocked.host': { $ne: host },
        ...(senders ? { sender: { $in: [...senders] } } : {}),
      },
      { $addToSet: { owed: host }, $set: { dueAt: atOnce } },
    );
    return result.modifiedCount;
  }

  /**
   * Finds entries that are pending for their own origin, or that no host may send. This host must
   * check its own disk for them. Sorted by path, after `after`.
   */
  async owedToSender(me: HostId, limit: number, after: Path | undefined): Promise<Entry[]> {
    const filter = {
      owed: me,
      $or: [{ sender: me }, { adoptable: true }],
      ...(after === undefined ? {} : { _id: { $gt: after } }),
    } as Filter;
    return this.find(filter, { limit, sort: { _id: 1 } });
  }

  /**
   * Records that the host is not concerned: it neither holds the entry, nor has it pending, nor
   * is blocked.
   */
  release({ path, version }: Fence, host: HostId): Promise<boolean> {
    return this.update({ _id: path, version }, toUpdate(release(host)));
  }

  /**
   * Records that the host's copy is gone. If the host was the origin, a holder may take the entry
   * over.
   */
  leave(entry: Sent, host: HostId): Promise<boolean> {
    return this.change(entry, leave(entry, host));
  }

  /**
   * Blocks this path for one host: it waits separately and delays nothing. Without `retryAt` it
   * waits for a person.
   */
  async block(
    { path, version }: Fence,
    host: HostId,
    failure: Failure,
    since: Date,
    retryAt: Date | undefined,
  ): Promise<void> {
    const blocked = { host, failure, since, ...(retryAt ? { retryAt } : {}) };
    // Two updates, because one update cannot pull from and push to the same array. After a crash
    // between them the entry is still pending.
    await this.update({ _id: path, version }, { $pull: { blocked: { host } } });
    await this.update(
      { _id: path, version, owed: host },
      { $pull: { owed: host }, $push: { blocked } },
    );
  }

  /** Makes the entry due at `dueAt`, not earlier. */
  postpone({ path, version }: Fence, dueAt: Date): Promise<boolean> {
    return this.update({ _id: path, version }, { $set: { dueAt } });
  }

  /** Makes blocked paths pending again whose retry is due, at most `limit`. Returns how many. */
  async retryBlocked(sender: HostId, now: Date, limit: number): Promise<number> {
    const due = await this.find(
      { sender, blocked: { $elemMatch: { retryAt: { $lte: now } } } },
      { limit },
    );
    let count = 0;
    for (const { path, version, blocked } of due) {
      const hosts = blocked
        .filter(({ retryAt }) => retryAt && retryAt <= now)
        .map(({ host }) => host);
      // The host stays in `blocked`, to remember since when the path fails. A success clears it.
      if (
        await this.update(
          { _id: path, version },
          {
            $addToSet: { owed: { $each: hosts } },
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
  async owedTo(
    host: HostId,
    sender: HostId,
    limit: number,
    exceptDirs: readonly Path[] = [],
  ): Promise<Entry[]> {
    const except =
      exceptDirs.length > 0 ? { $nor: exceptDirs.map((dir) => ({ _id: isBelow(dir) })) } : {};
    const filter = { sender, owed: host, ...sendableBy(sender), ...except } as Filter;
    const half = Math.max(1, Math.floor(limit / 2));
    const newest = await this.find(filter, {
      sort: { capturedAt: -1 },
      limit: half,
      batchSize: half,
    });
    if (newest.length < half) return newest;
    const oldest = await this.find(filter, {
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
  async owedHosts(sender: HostId, hosts: readonly HostId[]): Promise<boolean> {
    if (hosts.length === 0) return false;
    const filter: Filter = { sender, owed: { $in: [...hosts] }, ...sendableBy(sender) };
    return (await this.rows.findOne(filter, { projection: { _id: 1 } })) !== null;
  }

  /** Makes this host the origin of an entry whose origin is gone or no longer holds it. */
  adopt(entry: Entry, me: HostId): Promise<boolean> {
    const holds: Filter = entry.kind === 'tombstone' ? {} : { heldBy: me };
    return this.update(
      { _id: entry.path, version: entry.version, sender: entry.sender, ...holds },
      { $set: { sender: me, dueAt: atOnce }, $unset: { adoptable: '' } },
    );
  }

  /**
   * Finds entries that this host may take over, because their origin lost the bytes or is one of
   * `gone`.
   */
  async adoptable(me: HostId, gone: readonly HostId[], limit: number): Promise<Entry[]> {
    const left: Filter = { adoptable: true, heldBy: me, sender: { $ne: me } };
    const orphaned: Filter = {
      sender: { $in: [...gone] },
      $and: [
        { $or: [{ owed: { $ne: [] } }, { blocked: { $ne: [] } }] },
        { $or: [{ heldBy: me }, { kind: 'tombstone' }] },
      ],
    };
    const entries = await this.find(left, { limit });
    if (gone.length > 0) entries.push(...(await this.find(orphaned, { limit })));
    return entries;
  }

  /** Streams the entries below a sync dir. */
  async *below(
    dir: Path,
    { heldBy, ...filter }: Pick<CountFilter, 'kind' | 'since'> & { heldBy?: HostId } = {},
  ): AsyncIterable<Entry> {
    const rows = this.rows.find(
      { ...countFilter({ ...filter, below: dir }), ...(heldBy ? { heldBy } : {}) } as Filter,
      { batchSize: 500 },
    );
    for await (const row of rows) yield* await this.readable([row]);
  }

  /**
   * Finds entries that this host captured and that the next rescan has to hash. Sorted by path,
   * after `after`.
   */
  async unsure(capturedBy: HostId, below: Path, limit: number, after?: Path): Promise<Entry[]> {
    const _id = { ...isBelow(below), ...(after === undefined ? {} : { $gt: after }) };
    return this.find({ capturedBy, unsure: true, _id }, { limit, sort: { _id: 1 } });
  }

  /**
   * Records that the content of a version is certain now.
   * @param stamp the stamp of the file on `host`, which has the version
   */
  confirm(
    { path, version }: Fence,
    sha256: string,
    host: HostId,
    stamp: string | undefined,
  ): Promise<boolean> {
    const set = {
      'facts.sha256': sha256,
      ...(stamp === undefined ? {} : { [`stamps.${host}`]: stamp }),
    };
    return this.update({ _id: path, version }, { $set: set, $unset: { unsure: '' } });
  }

  /** Removes a retired host from all entries. */
  async forget(host: HostId): Promise<void> {
    await this.rows.updateMany(
      {
        $or: [{ owed: host }, { heldBy: host }, { 'blocked.host': host }],
        owed: isList,
        heldBy: isList,
        blocked: isList,
      },
      { $pull: { owed: host, heldBy: host, blocked: { host } } },
    );
  }

  /**
   * Deletes tombstones of a sync dir that were written before `before` and that no host waits
   * for.
   */
  async forgetTombstones(dir: Path, before: Date): Promise<void> {
    await this.rows.deleteMany({
      _id: isBelow(dir),
      kind: 'tombstone',
      owed: [],
      blocked: [],
      capturedAt: { $lt: before },
    });
  }

  async count(filter: CountFilter = {}): Promise<number> {
    return this.rows.countDocuments(countFilter(filter));
  }

  /** Measures the files and bytes that an origin can send to a host now. */
  async measure(filter: {
    owed: HostId;
    sender: HostId;
    below: Path;
    before: Date;
  }): Promise<{ files: number; bytes: number }> {
    const [sum] = await this.rows
      .aggregate<{ files: number; bytes: number }>([
        { $match: countFilter({ ...filter, sendable: true }) },
        { $group: { _id: null, files: { $sum: 1 }, bytes: { $sum: '$facts.size' } } },
      ])
      .toArray();
    return { files: sum?.files ?? 0, bytes: sum?.bytes ?? 0 };
  }

  /** Lists the first entries by path, for the status. */
  async list(filter: { blocked?: HostId; missing?: true }, limit: number): Promise<Entry[]> {
    return this.find(countFilter(filter), { limit, sort: { _id: 1 } });
  }

  /** Finds when the oldest entry that is pending for a host was captured. */
  async oldestOwed(
    filter: Pick<CountFilter, 'deliverableBy'> & { owed: HostId },
  ): Promise<Date | undefined> {
    const [oldest] = await this.find(countFilter(filter), { sort: { capturedAt: 1 }, limit: 1 });
    return oldest?.capturedAt;
  }

  private async find(
    filter: Filter,
    options: mongo.FindOptions & { limit: number },
  ): Promise<Entry[]> {
    return (
      await this.reader.readList(
        this.rows,
        () => this.rows.find(filter, options).toArray(),
        entryShape,
        fence,
      )
    ).map(toEntry);
  }

  private async readable(rows: readonly Row[]): Promise<Entry[]> {
    return (await this.reader.keepReadable(this.rows, rows, entryShape, fence)).map(toEntry);
  }

  private async update(
    filter: Filter,
    update: Update,
    arrayFilters?: mongo.Document[],
  ): Promise<boolean> {
    const result = await this.rows.updateOne(filter, update, arrayFilters ? { arrayFilters } : {});
    return result.matchedCount === 1;
  }
}
