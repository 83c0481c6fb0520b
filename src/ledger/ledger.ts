import type { mongo } from 'mongoose';
import {
  batchInserts,
  batchUpdates,
  isDuplicateKey,
  isPartlyRefused,
  isUnindexable,
} from '../util/collections.js';
import type { DocumentRef } from '../model/capture.js';
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
  isRetryDue,
  matchBelow,
  matchDueBlocked,
  type LedgerFilter,
  type LedgerRow,
  type LedgerUpdate,
} from './filters.js';
import { LedgerMeasures, missingIndex, pendingIndex, plainPendingIndex } from './measures.js';
import { LedgerQueries } from './queries.js';
import { makeBlockUpdate, makeHoldUpdate, toLedgerUpdate } from './updates.js';

/** How often an entry is read and written again because it changed in between. */
const attempts = 10;
/**
 * An array operator fails on a field that is no array, and stops the update of all rows after it.
 */
const isArrayField = { $type: 'array' } as const;

interface VersionFence {
  readonly path: Path;
  readonly version: Version;
}
interface OriginFence extends VersionFence {
  readonly origin: HostId;
}

function toRow({ path, ...rest }: Entry): LedgerRow {
  return { _id: path, ...rest };
}

/**
 * Stores one entry per path in MongoDB. Every write is atomic on one entry; there are no
 * transactions. A write about one version is fenced by it. Writes about a host or sync dir as a
 * whole are idempotent and need no fence.
 */
export class Ledger extends LedgerQueries {
  readonly measures: LedgerMeasures;
  private readonly insertBatcher: Batcher<LedgerRow, void>;
  private readonly updateBatcher: Batcher<mongo.UpdateOneModel<LedgerRow>, void>;

  constructor(collection: () => mongo.Collection<LedgerRow>, reader: RowReader) {
    super(collection, reader);
    this.measures = new LedgerMeasures(collection);
    this.insertBatcher = batchInserts(collection);
    this.updateBatcher = batchUpdates(collection);
  }

  async ensureIndexes(): Promise<void> {
    await this.rows.createIndexes([
      { key: { origin: 1, pending: 1, capturedAt: 1 }, name: 'pending at origin' },
      { key: { 'blocked.retryAt': 1 }, name: 'blocked until', sparse: true },
      { key: { orphaned: 1 }, name: 'orphaned', sparse: true },
      { key: { capturedBy: 1, unverified: 1 }, name: 'unverified' },
      { key: { 'blocked.host': 1 }, name: 'blocked' },
      missingIndex,
      { key: { unrecorded: 1 }, name: 'unrecorded', sparse: true },
      { key: { 'toRecord.by': 1 }, name: 'to record', sparse: true },
    ]);
    await this.ensurePendingIndex();
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
   */
  async markLackingPending(dir: Path, host: HostId): Promise<number> {
    const result = await this.rows.updateMany(
      {
        _id: matchBelow(dir),
        heldBy: { $ne: host },
        pending: { $ne: host, ...isArrayField },
        'blocked.host': { $ne: host },
      },
      { $addToSet: { pending: host }, $set: { dueAt: dueAtOnce } },
    );
    return result.modifiedCount;
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
   * waits for a person. Paths that are blocked at about the same time share one write.
   */
  async blockDelivery(
    { path, version }: VersionFence,
    host: HostId,
    failure: Failure,
    since: Date,
    retryAt: Date | undefined,
  ): Promise<void> {
    const blocked = { host, failure, since, ...(retryAt ? { retryAt } : {}) };
    await this.updateBatcher.add({
      filter: { _id: path, version, pending: host },
      update: makeBlockUpdate(blocked),
    });
  }

  /** Makes the entry due at `dueAt`, not earlier. */
  postpone({ path, version }: VersionFence, dueAt: Date): Promise<boolean> {
    return this.updateRow({ _id: path, version }, { $set: { dueAt } });
  }

  /** Makes blocked paths pending again whose retry is due, at most `limit`. Returns how many. */
  async retryDueBlocked(origin: HostId, now: Date, limit: number): Promise<number> {
    const due = await this.findEntries(matchDueBlocked(origin, now), { limit });
    if (due.length === 0) return 0;
    const { matchedCount } = await this.rows.bulkWrite(
      due.map(({ path, version, blocked }) => {
        const hosts = blocked
          .filter(({ retryAt }) => isRetryDue(retryAt, now))
          .map(({ host }) => host);
        // The host stays in `blocked`, to remember since when the path fails. A success clears it.
        return {
          updateOne: {
            filter: { _id: path, version },
            update: {
              $addToSet: { pending: { $each: hosts } },
              $unset: { 'blocked.$[due].retryAt': '' },
            },
            arrayFilters: [{ 'due.host': { $in: hosts } }],
          },
        };
      }),
      { ordered: false },
    );
    return matchedCount;
  }

  /**
   * Makes deliveries to a host due now, also those that wait for a person, whichever host is their
   * origin. Returns how many there are.
   * @param path the only path; default: all
   */
  async retryNow(host: HostId, path?: Path): Promise<number> {
    const only = path === undefined ? {} : { _id: path };
    await this.rows.updateMany(
      { ...only, 'blocked.host': host, pending: { $ne: host, ...isArrayField } },
      {
        $addToSet: { pending: host },
        $unset: { 'blocked.$[one].retryAt': '' },
        $set: { dueAt: dueAtOnce },
      },
      { arrayFilters: [{ 'one.host': host }] },
    );
    const filter = { ...only, pending: host } as LedgerFilter;
    await this.rows.updateMany(
      { ...filter, dueAt: { $gt: new Date() } },
      { $set: { dueAt: dueAtOnce } },
    );
    return this.rows.countDocuments(filter);
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

  /** Records which save named a version that a scan had found before it. */
  nameSave(
    { path, version }: VersionFence,
    { savedBy, author }: { savedBy: DocumentRef; author?: string | undefined },
  ): Promise<boolean> {
    return this.updateRow(
      { _id: path, version, savedBy: { $exists: false } },
      { $set: { savedBy, ...(author !== undefined && { author }) } },
    );
  }

  /** Records that the history has these versions, also if they were replaced meanwhile. */
  async markRecorded(versions: readonly VersionFence[]): Promise<void> {
    if (versions.length === 0) return;
    const { matchedCount } = await this.rows.bulkWrite(
      versions.map(({ path, version }) => ({
        updateOne: {
          filter: { _id: path, version },
          update: { $unset: { unrecorded: '' as const } },
        },
      })),
      { ordered: false },
    );
    if (matchedCount === versions.length) return;
    await this.rows.bulkWrite(
      versions.map(({ path, version }) => ({
        updateOne: {
          filter: { _id: path, 'toRecord.version': version, toRecord: isArrayField },
          update: { $pull: { toRecord: { version } } },
        },
      })),
      { ordered: false },
    );
  }

  /** Removes retired hosts from all entries. */
  async forgetHosts(hosts: readonly HostId[]): Promise<void> {
    const any = { $in: [...hosts] };
    await this.rows.updateMany(
      {
        $or: [{ pending: any }, { heldBy: any }, { 'blocked.host': any }],
        pending: isArrayField,
        heldBy: isArrayField,
        blocked: isArrayField,
      },
      { $pull: { pending: any, heldBy: any, blocked: { host: any } } },
    );
  }

  /**
   * Deletes tombstones of a sync dir that were written before `before` and that no host waits
   * for.
   *
   * @param kept versions from before this time are no longer kept, so nobody has to record them
   */
  async forgetTombstones(dir: Path, before: Date, kept: Date): Promise<void> {
    await this.rows.deleteMany({
      _id: matchBelow(dir),
      kind: 'tombstone',
      pending: [],
      blocked: [],
      capturedAt: { $lt: before },
      $or: [
        { unrecorded: { $ne: true }, 'toRecord.by': { $exists: false } },
        { capturedAt: { $lt: kept } },
      ],
    });
  }

  /**
   * A row with arrays where none belong cannot be in the index that has sizes too, and must not
   * keep every host from starting.
   */
  private async ensurePendingIndex(): Promise<void> {
    try {
      await this.rows.createIndexes([pendingIndex]);
    } catch (error) {
      if (!isUnindexable(error)) throw error;
      await this.rows.createIndexes([plainPendingIndex]);
      return;
    }
    const indexes = await this.rows.indexes();
    // Another process may drop it at the same time.
    if (indexes.some(({ name }) => name === plainPendingIndex.name))
      await this.rows.dropIndex(plainPendingIndex.name).catch(() => undefined);
  }

  private async updateRow(filter: LedgerFilter, update: LedgerUpdate): Promise<boolean> {
    const result = await this.rows.updateOne(filter, update);
    return result.matchedCount === 1;
  }
}
