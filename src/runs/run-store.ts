import { randomUUID } from 'node:crypto';
import type { mongo } from 'mongoose';
import { SyncMediaError } from '../model/errors.js';
import type { RowReader } from '../database/unreadable-rows.js';
import type { HostId, Run } from '../model/words.js';
import { runShape } from './row-shape.js';

export type RunRow = Omit<Run, 'id'> & { _id: string };

/** How many runs are kept. Older ones are removed once they have ended. */
const kept = 1_000;

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
      { key: { at: 1, state: 1, askedAt: 1 }, name: 'next' },
      { key: { askedAt: -1 }, name: 'newest' },
    ]);
  }

  async ask(
    run: Pick<Run, 'kind' | 'at' | 'hosts' | 'dirs' | 'dryRun' | 'askedBy'> & { repair?: boolean },
  ): Promise<Run> {
    const row: RunRow = {
      _id: randomUUID(),
      repair: false,
      ...run,
      state: 'asked',
      files: 0,
      bytes: 0,
      filesFound: 0,
      bytesFound: 0,
      failures: [],
      askedAt: new Date(),
    };
    await this.rows.insertOne(row);
    await this.prune();
    return toRun(row);
  }

  /**
   * Finds an unfinished run of the same kind on this host. A cron tick need not request it again.
   */
  async underWay(at: HostId, kind: Run['kind']): Promise<Run | undefined> {
    const rows = await this.rows
      .find({ at, kind, state: { $in: ['asked', 'running'] } } as mongo.Filter<RunRow>, {
        limit: kept,
      })
      .toArray();
    return (await this.readable(rows))[0];
  }

  /** @throws UNKNOWN_RUN */
  async show(id: string): Promise<Run> {
    const row = await this.rows.findOne({ _id: id } as mongo.Filter<RunRow>);
    const [run] = row ? await this.readable([row]) : [];
    if (!run)
      throw new SyncMediaError(
        'UNKNOWN_RUN',
        `no run has the id ${JSON.stringify(id)}; list them with GET /runs or "syncmedia runs"`,
      );
    return run;
  }

  async list(limit: number): Promise<Run[]> {
    return this.readable(await this.rows.find({}, { sort: { askedAt: -1 }, limit }).toArray());
  }

  /**
   * Claims the next run of this host: the oldest that was never started, then those that an
   * earlier leader left running. These start again; if they came first, one that outlasts every
   * process would block all others.
   */
  async next(at: HostId): Promise<Run | undefined> {
    for (;;) {
      const row = await this.rows.findOneAndUpdate(
        { at, state: { $in: ['asked', 'running'] } },
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
        } as unknown as mongo.UpdateFilter<RunRow>,
        { sort: { startedAt: 1, askedAt: 1 }, returnDocument: 'after' },
      );
      if (!row) return undefined;
      const [run] = await this.readable([row]);
      if (run) return run;
      // The row was set aside and blocks no other. If that failed, it is read again later.
      if (await this.rows.findOne({ _id: { $eq: row._id } })) return undefined;
    }
  }

  /** Stores progress. Returns false if the run was cancelled. */
  async progress({
    id,
    files,
    bytes,
    filesFound,
    bytesFound,
    bytesPerSecond,
    secondsLeft,
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
          ...(findings ? { findings } : {}),
        },
      },
    );
    return result.matchedCount === 1;
  }

  /** Ends a run, unless it was cancelled meanwhile. */
  async end({ id, bytesPerSecond: _, secondsLeft: __, ...run }: Run): Promise<Run> {
    await this.rows.updateOne(
      { _id: id, state: 'running' },
      { $set: { ...run, endedAt: new Date() }, $unset: { bytesPerSecond: 1, secondsLeft: 1 } },
    );
    return this.show(id);
  }

  async cancel(id: string): Promise<Run> {
    await this.show(id);
    await this.rows.updateOne({ _id: id, state: { $in: ['asked', 'running'] } }, {
      $set: { state: 'cancelled', endedAt: new Date() },
      $unset: { bytesPerSecond: 1, secondsLeft: 1 },
    } as unknown as mongo.UpdateFilter<RunRow>);
    return this.show(id);
  }

  private async readable(rows: readonly RunRow[]): Promise<Run[]> {
    return (await this.reader.keepReadable(this.rows, rows, runShape)).map(toRun);
  }

  private async prune(): Promise<void> {
    const oldest = await this.rows
      .find({}, { sort: { askedAt: -1 }, skip: kept, limit: 1 })
      .toArray();
    const before = oldest[0]?.askedAt;
    if (before)
      await this.rows.deleteMany({
        askedAt: { $lte: before },
        state: { $nin: ['asked', 'running'] },
      });
  }
}
