import { randomUUID } from 'node:crypto';
import type { mongo } from 'mongoose';
import { SyncMediaError } from '../model/errors.js';
import type { RowReader } from '../database/unreadable-rows.js';
import type { HostId } from '../model/host.js';
import type { RestoredFile, Run } from '../model/run.js';
import { runShape } from './row-shape.js';

export type RunRow = Omit<Run, 'id'> & { _id: string };

/** The length of a whole id, and the least part of it that names a run. */
const idLength = 36,
  leastIdLength = 4;

/** Selects the runs that meet every given condition. `after`: the last run of the page before. */
export interface RunFilter {
  readonly state?: Run['state'];
  readonly at?: HostId;
  readonly after?: Pick<Run, 'requestedAt' | 'id'>;
  readonly limit: number;
}

/** How many runs are kept. Older ones are removed once they have ended. */
const maxRuns = 1_000;

/** Fields that a run has only while it works. */
const whileWorking = { from: 1, bytesPerSecond: 1, secondsLeft: 1 } as const;

/** Ids are hexadecimal digits and dashes, so `g` follows each longer one. */
function matchId(id: string): { $eq: string } | { $gte: string; $lt: string } {
  return /^[0-9a-f-]+$/.test(id) && id.length >= leastIdLength && id.length < idLength
    ? { $gte: id, $lt: `${id}g` }
    : { $eq: id };
}

function toRun({ _id, ...rest }: RunRow): Run {
  return { id: _id, ...rest };
}

/** Stores runs as rows: requested by any process, carried out by the leader of the host `at`. */
export class RunStore {
  /** @param collection called at each use, because the app may open its connection again */
  constructor(
    private readonly collection: () => mongo.Collection<RunRow>,
    private readonly reader: RowReader,
  ) {}

  private get rows(): mongo.Collection<RunRow> {
    return this.collection();
  }

  async ensureIndexes(): Promise<void> {
    await this.rows.createIndexes([
      { key: { at: 1, state: 1, requestedAt: 1 }, name: 'next' },
      { key: { requestedAt: -1 }, name: 'newest' },
    ]);
  }

  async request(
    run: Pick<Run, 'kind' | 'at' | 'hosts' | 'dirs' | 'dryRun' | 'requestedBy'> & {
      repair?: boolean;
      restores?: RestoredFile;
      restoresTo?: Date;
      restoresBefore?: Date;
    },
  ): Promise<Run> {
    const row: RunRow = {
      _id: randomUUID(),
      repair: false,
      ...run,
      state: 'requested',
      files: 0,
      bytes: 0,
      filesFound: 0,
      bytesFound: 0,
      failures: [],
      requestedAt: new Date(),
    };
    await this.rows.insertOne(row);
    await this.prune();
    return toRun(row);
  }

  /**
   * Finds an unfinished run of the same kind on this host. A cron tick need not request it again.
   */
  async findUnfinished(at: HostId, kind: Run['kind']): Promise<Run | undefined> {
    const rows = await this.rows
      .find({ at, kind, state: { $in: ['requested', 'running'] } } as mongo.Filter<RunRow>, {
        limit: maxRuns,
      })
      .toArray();
    return (await this.keepReadable(rows))[0];
  }

  /**
   * Reads a run by its id, or by the first characters of it if no other id begins with them.
   * @throws UNKNOWN_RUN
   */
  async read(id: string): Promise<Run> {
    const rows = await this.rows.find({ _id: matchId(id) }, { limit: 2 }).toArray();
    const [run, other] = await this.keepReadable(rows);
    if (!run || other)
      throw new SyncMediaError(
        'UNKNOWN_RUN',
        `${other ? 'more than one run has an id that begins with' : 'no run has the id'} ` +
          `${JSON.stringify(id)}; list them with GET /runs or "syncmedia runs"`,
      );
    return run;
  }

  /** The newest first, those requested in the same millisecond by id. */
  async list({ state, at, after, limit }: RunFilter): Promise<Run[]> {
    const filter = {
      ...(state && { state }),
      ...(at !== undefined && { at }),
      ...(after && {
        $or: [
          { requestedAt: { $lt: after.requestedAt } },
          { requestedAt: after.requestedAt, _id: { $lt: after.id } },
        ],
      }),
    } as mongo.Filter<RunRow>;
    return this.keepReadable(
      await this.rows.find(filter, { sort: { requestedAt: -1, _id: -1 }, limit }).toArray(),
    );
  }

  /**
   * Lists the unfinished runs of these hosts and the newest runs of all, without their long lists
   * of paths.
   */
  async listBriefly(
    hosts: readonly HostId[],
    { limit, maxTimeMS }: { limit: number; maxTimeMS: number },
  ): Promise<{ unfinished: Run[]; newest: Run[] }> {
    const options = {
      projection: { wouldTransfer: 0, pathFindings: 0, leftOut: 0 },
      limit,
      maxTimeMS,
    };
    const open = { at: { $in: [...hosts] }, state: { $in: ['requested', 'running'] } };
    const [unfinished, newest] = await Promise.all([
      this.rows.find(open as mongo.Filter<RunRow>, options).toArray(),
      this.rows.find({}, { ...options, sort: { requestedAt: -1 } }).toArray(),
    ]);
    return {
      unfinished: await this.keepReadable(unfinished),
      newest: await this.keepReadable(newest),
    };
  }

  /**
   * Claims the next run of this host: the oldest that was never started, then those that an
   * earlier leader left running. These start again; if they came first, one that outlasts every
   * process would block all others.
   */
  async claimNext(at: HostId): Promise<Run | undefined> {
    for (;;) {
      const row = await this.rows.findOneAndUpdate(
        { at, state: { $in: ['requested', 'running'] } },
        {
          $set: {
            state: 'running',
            startedAt: new Date(),
            files: 0,
            bytes: 0,
            filesFound: 0,
            bytesFound: 0,
            failures: [],
          },
          $unset: whileWorking,
        } as unknown as mongo.UpdateFilter<RunRow>,
        { sort: { startedAt: 1, requestedAt: 1 }, returnDocument: 'after' },
      );
      if (!row) return undefined;
      const [run] = await this.keepReadable([row]);
      if (run) return run;
      // The row was set aside and blocks no other. If that failed, it is read again later.
      if (await this.rows.findOne({ _id: { $eq: row._id } })) return undefined;
    }
  }

  /** Stores progress. Returns false if the run was cancelled. */
  async storeProgress({
    id,
    files,
    bytes,
    filesFound,
    bytesFound,
    from,
    bytesPerSecond,
    secondsLeft,
    scannedAt,
    findings,
    failures,
  }: Run): Promise<boolean> {
    const pace =
      bytesPerSecond === undefined || secondsLeft === undefined
        ? {}
        : { bytesPerSecond, secondsLeft };
    const result = await this.rows.updateOne(
      { _id: id, state: 'running' },
      {
        $set: {
          files,
          bytes,
          filesFound,
          bytesFound,
          failures,
          ...pace,
          ...(from !== undefined && { from }),
          ...(scannedAt !== undefined && { scannedAt }),
          ...(findings ? { findings } : {}),
        },
      },
    );
    return result.matchedCount === 1;
  }

  /** Ends a run, unless it was cancelled meanwhile. */
  async endRun({ id, from: _, bytesPerSecond: __, secondsLeft: ___, ...run }: Run): Promise<Run> {
    await this.rows.updateOne(
      { _id: id, state: 'running' },
      { $set: { ...run, endedAt: new Date() }, $unset: whileWorking },
    );
    return this.read(id);
  }

  /**
   * Cancels a run that has not ended.
   * @returns `endedHere`: no leader had begun it, so none will report its end
   * @throws UNKNOWN_RUN
   */
  async cancel(given: string): Promise<{ run: Run; endedHere: boolean }> {
    const { id } = await this.read(given);
    const before = await this.rows.findOneAndUpdate(
      { _id: id, state: { $in: ['requested', 'running'] } },
      {
        $set: { state: 'cancelled', endedAt: new Date() },
        $unset: whileWorking,
      } as unknown as mongo.UpdateFilter<RunRow>,
      { returnDocument: 'before' },
    );
    return { run: await this.read(id), endedHere: before?.state === 'requested' };
  }

  private async keepReadable(rows: readonly RunRow[]): Promise<Run[]> {
    return (await this.reader.keepReadable(this.rows, rows, runShape)).map(toRun);
  }

  private async prune(): Promise<void> {
    const oldest = await this.rows
      .find({}, { sort: { requestedAt: -1 }, skip: maxRuns, limit: 1 })
      .toArray();
    const before = oldest[0]?.requestedAt;
    if (before)
      await this.rows.deleteMany({
        requestedAt: { $lte: before },
        state: { $nin: ['requested', 'running'] },
      });
  }
}
