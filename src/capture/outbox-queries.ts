import type { Connection, mongo } from 'mongoose';
import type { RowReader } from '../database/unreadable-rows.js';
import type { Capture } from '../model/capture.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { listMisfits } from '../model/row-shapes.js';
import { getNativeCollection } from '../util/collections.js';
import { groupByPath, projectPaths, type CaptureRow, type PathCapture } from './captured-paths.js';
import { type CandidatePaths, findCandidatePaths } from './candidate-paths.js';
import { captureShape } from './row-shape.js';

/**
 * How many captures of some paths are read at once. If one path has more of them, its newest ones
 * are read.
 */
const capturedLimit = 1_000;
/** How many paths one query covers. */
const pathLimit = 500;

/**
 * No capture is due later than this, in milliseconds. A later one was written before the clock
 * was set back.
 */
const latestMs = 10 * 60_000;

/**
 * Reads the collection of captures.
 *
 * It uses the driver's handle of the database and gets it for each call. Mongoose's collections
 * belong to the app, which may list, debug and empty them. A connection that was opened again has
 * another handle.
 */
export class OutboxQueries {
  constructor(
    protected readonly connection: Connection,
    private readonly prefix: string,
    private readonly reader: RowReader,
  ) {}

  /** @throws NO_CONNECTION */
  protected get collection(): mongo.Collection<CaptureRow> {
    return getNativeCollection<CaptureRow>(this.connection, `${this.prefix}captures`);
  }

  /** The due captures of `host`, oldest first. */
  async findDue(host: HostId, now: Date, limit: number): Promise<Capture[]> {
    const late = new Date(now.getTime() + latestMs);
    const find = (): Promise<CaptureRow[]> =>
      this.collection
        .find(
          { host, $or: [{ dueAt: { $lte: now } }, { dueAt: { $gt: late } }] },
          { readPreference: 'primary' },
        )
        .sort({ dueAt: 1 })
        .limit(limit)
        .toArray();
    return (await this.reader.readList(this.collection, find, captureShape)).map(toCapture);
  }

  /** The captures of `host` that are not due yet, in batches. */
  async *findNotDue(host: HostId, now: Date, limit: number): AsyncGenerator<Capture[]> {
    const cursor = this.collection
      .find({ host, dueAt: { $gt: now } }, { readPreference: 'primary', batchSize: limit })
      .sort({ dueAt: 1 });
    let batch: Capture[] = [];
    for await (const row of cursor) {
      if (listMisfits(captureShape, row).length === 0) batch.push(toCapture(row));
      if (batch.length < limit) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  /** Waiting captures of any host that name one of these paths; at most 1,000. */
  async findTouching(paths: readonly Path[]): Promise<{ id: string; host: HostId }[]> {
    if (paths.length === 0) return [];
    const rows = this.collection.find(
      { touched: { $in: [...paths] } },
      { readPreference: 'primary', projection: { _id: 1, host: 1 }, limit: capturedLimit },
    );
    return (await rows.toArray()).map(({ _id, host }) => ({ id: _id, host }));
  }

  /**
   * Waiting captures of these paths, for each path the newest first. Paths without a capture are
   * omitted.
   */
  async findCaptured(paths: readonly Path[]): Promise<Map<Path, PathCapture[]>> {
    if (paths.length === 0) return new Map();
    if (paths.length > pathLimit) return this.findCapturedByHalves(paths);
    const rows = await this.collection
      .find(
        { touched: { $in: [...paths] } },
        {
          readPreference: 'primary',
          limit: capturedLimit,
          ...(paths.length === 1 ? { sort: { _id: -1 } } : {}),
          projection: projectPaths(paths),
        },
      )
      .toArray();
    // A path with very many captures must not crowd out those of other paths.
    return rows.length < capturedLimit || paths.length === 1
      ? groupByPath(rows)
      : this.findCapturedByHalves(paths);
  }

  private async findCapturedByHalves(paths: readonly Path[]): Promise<Map<Path, PathCapture[]>> {
    const half = Math.ceil(paths.length / 2);
    const [some, others] = await Promise.all([
      this.findCaptured(paths.slice(0, half)),
      this.findCaptured(paths.slice(half)),
    ]);
    return new Map([...some, ...others]);
  }

  /** Whether a waiting capture of this host names the path. */
  async hasCaptureOf(host: HostId, path: Path): Promise<boolean> {
    return (
      (await this.collection.findOne(
        { host, touched: path },
        { readPreference: 'primary', projection: { _id: 1 } },
      )) !== null
    );
  }

  /** How many captures of one host, or of all, wait; counted up to `limit`. */
  async count(host?: HostId, limit?: number): Promise<number> {
    return this.collection.countDocuments(host === undefined ? {} : { host }, {
      readPreference: 'primary',
      ...(limit !== undefined && { limit }),
    });
  }

  /**
   * The paths below a sync dir that this host is to check for deletion: how many, since when, and
   * the first of them.
   * @param except sync dirs below this one
   */
  async findCandidates(
    host: HostId,
    dir: Path,
    except: readonly Path[],
    limit: number,
  ): Promise<CandidatePaths> {
    return findCandidatePaths(this.collection, host, dir, except, limit);
  }
}

function toCapture({ _id, ...row }: CaptureRow): Capture {
  return { id: _id, ...row };
}
