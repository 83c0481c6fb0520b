import type { mongo } from 'mongoose';
import type { HostId } from '../model/host.js';
import { mapConcurrently } from '../util/map-concurrently.js';
import { makeEntryFilter, type LedgerRow } from './filters.js';

/** Counting stops here: nobody acts differently for more. */
export const countLimit = 10_000;

/** Answers hosts' questions from this index alone, without reading entries. */
export const pendingIndex = {
  key: { pending: 1, capturedAt: 1, 'info.size': 1 },
  name: 'pending with size',
} as const;
/** The index of an earlier version, which lacked the size. */
export const plainPendingIndex = { key: { pending: 1, capturedAt: 1 }, name: 'pending' } as const;

/** Holds only the entries that no host holds, which are few. */
export const missingIndex = {
  key: { kind: 1, _id: 1 },
  name: 'missing',
  partialFilterExpression: { kind: 'file', heldBy: [] },
} as const;

/**
 * How many hosts one query measures, and how many queries run at once. Each query of its own takes
 * the server longer than counting, and a connection of the app.
 */
const hostsPerQuery = 25,
  oldestHostsPerQuery = 100,
  concurrency = 4;

/** The files that one host waits for. `count` is at most one more than `countLimit`. */
export interface PendingMeasure {
  readonly count: number;
  readonly bytes: number;
  readonly oldest: Date | null;
}

/** The files that fail on one host with one code. */
export interface BlockedMeasure {
  readonly host: HostId;
  readonly code: string;
  readonly files: number;
  readonly retried: number;
  readonly path: string;
  readonly message: string;
  readonly since: Date | null;
  readonly retryAt: Date | null;
}

/** A row may hold any value there, and some sort before every date. */
const pickDate = (field: string): object => ({
  $cond: [{ $eq: [{ $type: field }, 'date'] }, field, null],
});

function makePendingPipeline(host: HostId): object[] {
  return [
    { $match: { pending: host } },
    { $sort: { capturedAt: 1 } },
    { $limit: countLimit + 1 },
    {
      $group: {
        _id: { $literal: host },
        count: { $sum: 1 },
        bytes: { $sum: '$info.size' },
        oldest: { $min: pickDate('$capturedAt') },
      },
    },
  ];
}

function makeOldestPipeline(host: HostId): object[] {
  return [
    { $match: { pending: host } },
    { $sort: { capturedAt: 1 } },
    { $limit: 1 },
    { $project: { _id: { $literal: host }, oldest: pickDate('$capturedAt') } },
  ];
}

/** Splits a list into groups of so many; none is empty. */
function splitIntoGroups<T>(list: readonly T[], size: number): [T, ...T[]][] {
  const groups: [T, ...T[]][] = [];
  for (let at = 0; at < list.length; at += size) {
    const [first, ...others] = list.slice(at, at + size) as [T, ...T[]];
    groups.push([first, ...others]);
  }
  return groups;
}

/** A blocked file is retried later, or its retry is due: then its host is pending as well. */
const isRetried = {
  $or: [
    { $eq: [{ $type: '$blocked.retryAt' }, 'date'] },
    { $cond: [{ $isArray: '$pending' }, { $in: ['$blocked.host', '$pending'] }, false] },
  ],
};

/** The host that has to record the current version, and those that have to record earlier ones. */
const currentRecorder = { $cond: [{ $eq: ['$unrecorded', true] }, ['$capturedBy'], []] },
  replacedRecorders = { $cond: [{ $isArray: '$toRecord.by' }, '$toRecord.by', []] };

/** Counts of the whole ledger for the overview, each with a limit on its size and time. */
export class LedgerMeasures {
  /** @param collection called at each use, because the app may open its connection again */
  constructor(
    private readonly collection: () => mongo.Collection<LedgerRow>,
    private readonly maxTimeMS = 2_000,
  ) {}

  /** The number of entries, as the collection's statistics have it. */
  async estimateEntries(): Promise<number> {
    return this.collection().estimatedDocumentCount({ maxTimeMS: this.maxTimeMS });
  }

  /** How many files no host holds; at most one more than `countLimit`. */
  async countMissing(): Promise<number> {
    return this.collection().countDocuments(makeEntryFilter({ missing: true }), {
      limit: countLimit + 1,
      maxTimeMS: this.maxTimeMS,
    });
  }

  /**
   * Counts the versions that each host has to record, of up to `countLimit` files in all. Hosts
   * that have to record none are left out.
   */
  async countUnrecorded(): Promise<Map<HostId, number>> {
    const rows = await this.collection()
      .aggregate<{ _id: HostId; count: number }>(
        [
          { $match: { $or: [{ unrecorded: true }, { 'toRecord.by': { $exists: true } }] } },
          { $limit: countLimit + 1 },
          { $project: { by: { $concatArrays: [currentRecorder, replacedRecorders] } } },
          { $unwind: '$by' },
          { $group: { _id: '$by', count: { $sum: 1 } } },
        ],
        { maxTimeMS: this.maxTimeMS },
      )
      .toArray();
    return new Map(rows.map(({ _id, count }) => [_id, count]));
  }

  /**
   * Measures what each of these hosts waits for, the oldest first, up to `countLimit` files. Hosts
   * that wait for nothing are left out.
   */
  async measurePending(hosts: readonly HostId[]): Promise<Map<HostId, PendingMeasure>> {
    const rows = await this.askForHosts<PendingMeasure & { _id: HostId }>(
      hosts,
      hostsPerQuery,
      makePendingPipeline,
    );
    return new Map(rows.map(({ _id, ...measure }) => [_id, measure]));
  }

  /** Asks the same about many hosts in few queries. */
  private async askForHosts<T extends object>(
    hosts: readonly HostId[],
    perQuery: number,
    makePipeline: (host: HostId) => object[],
  ): Promise<T[]> {
    const groups = splitIntoGroups(hosts, perQuery);
    const found = await mapConcurrently(groups, concurrency, async ([first, ...others]) => {
      const rows = this.collection();
      const coll = rows.collectionName;
      const unions = others.map((host) => ({
        $unionWith: { coll, pipeline: makePipeline(host) },
      }));
      return rows
        .aggregate<T>([...makePipeline(first), ...unions], { maxTimeMS: this.maxTimeMS })
        .toArray();
    });
    return found.flat();
  }

  /**
   * Finds what each of these hosts has waited for longest, which reads one key of the index for
   * each. Hosts that wait for nothing are left out. A date is null if the row holds none.
   */
  async findOldestPending(hosts: readonly HostId[]): Promise<Map<HostId, Date | null>> {
    const rows = await this.askForHosts<{ _id: HostId; oldest: Date | null }>(
      hosts,
      oldestHostsPerQuery,
      makeOldestPipeline,
    );
    return new Map(rows.map(({ _id, oldest }) => [_id, oldest]));
  }

  /** Measures the blocked files of these hosts by code, up to `countLimit` entries in all. */
  async measureBlocked(hosts: readonly HostId[]): Promise<BlockedMeasure[]> {
    return this.collection()
      .aggregate<BlockedMeasure>(
        [
          { $match: { 'blocked.host': { $in: [...hosts] } } },
          { $limit: countLimit },
          { $project: { blocked: 1, pending: 1 } },
          { $unwind: '$blocked' },
          { $match: { 'blocked.host': { $in: [...hosts] } } },
          {
            $group: {
              _id: { host: '$blocked.host', code: '$blocked.failure.code' },
              files: { $sum: 1 },
              retried: { $sum: { $cond: [isRetried, 1, 0] } },
              path: { $first: '$_id' },
              message: { $first: '$blocked.failure.message' },
              since: { $min: pickDate('$blocked.since') },
              retryAt: { $min: pickDate('$blocked.retryAt') },
            },
          },
          { $addFields: { host: '$_id.host', code: '$_id.code' } },
        ],
        { maxTimeMS: this.maxTimeMS },
      )
      .toArray();
  }
}
