import { randomUUID } from 'node:crypto';
import { mongo, type Connection } from 'mongoose';
import { getNativeCollection } from '../util/collections.js';
import { getErrorMessage } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { listMisfits, type RowShape } from '../model/row-shapes.js';
import type { UnreadableRow } from '../model/unreadable-row.js';

type StoredUnreadable = UnreadableRow & { _id: string };

/** How many rows are kept, the newest ones. */
const maxRows = 1_000;
const maxRowLength = 65_536;
const maxExamples = 5;
/** How often a list is read again because some of its rows were moved away. */
const maxReads = 100;

/** For readers of collections: they treat an unreadable row as absent. */
export interface RowReader {
  /**
   * Returns the readable rows and moves the others away. A row that cannot be moved is left out
   * too.
   *
   * @param fence a field that tells whether the row is still the one that was read
   */
  keepReadable<T extends object>(
    from: mongo.Collection<T>,
    rows: readonly T[],
    shape: RowShape,
    fence?: string,
  ): Promise<T[]>;
  /**
   * Reads a list of limited length. Reads it again if rows were moved away, so that these keep no
   * others out.
   */
  readList<T extends object>(
    from: mongo.Collection<T>,
    read: () => Promise<T[]>,
    shape: RowShape,
    fence?: string,
  ): Promise<T[]>;
}

/**
 * Moves rows with unexpected values into a collection of their own, whichever program wrote them.
 * In a queue they would be read again and again, and would keep others out. Nothing in them is
 * used.
 */
export class UnreadableRows implements RowReader {
  /** @param collection called at each use, since the app may reopen its connection */
  constructor(
    private readonly collection: () => mongo.Collection<StoredUnreadable>,
    private readonly log: Log,
  ) {}

  /** Uses the connection as it is open at each use. */
  static forConnection(
    connection: Connection,
    { collectionPrefix, log }: { readonly collectionPrefix: string; readonly log: Log },
  ): UnreadableRows {
    return new UnreadableRows(
      () => getNativeCollection(connection, `${collectionPrefix}unreadable`),
      log,
    );
  }

  async keepReadable<T extends object>(
    from: mongo.Collection<T>,
    rows: readonly T[],
    shape: RowShape,
    fence?: string,
  ): Promise<T[]> {
    const misfits = new Map<T, string[]>();
    for (const row of rows) {
      const fields = listMisfits(shape, row);
      if (fields.length > 0) misfits.set(row, fields);
    }
    if (misfits.size === 0) return [...rows];
    try {
      await this.quarantine(from, misfits, fence);
    } catch (error) {
      this.log.error(
        `${describeMisfits(from.collectionName, misfits)}, and could not be moved to ` +
          `${this.collection().collectionName} (${getErrorMessage(error)})`,
      );
    }
    return rows.filter((row) => !misfits.has(row));
  }

  async readList<T extends object>(
    from: mongo.Collection<T>,
    read: () => Promise<T[]>,
    shape: RowShape,
    fence?: string,
  ): Promise<T[]> {
    for (let reads = 1; ; reads++) {
      const rows = await read(),
        readable = await this.keepReadable(from, rows, shape, fence);
      if (readable.length === rows.length || reads === maxReads) return readable;
    }
  }

  /** Lists the moved rows, newest first. */
  async list(limit: number): Promise<UnreadableRow[]> {
    const rows = await this.collection()
      .find({}, { sort: { at: -1 }, limit })
      .toArray();
    return rows.map(({ _id: _, ...row }) => row);
  }

  get name(): string {
    return this.collection().collectionName;
  }

  async count(): Promise<number> {
    return this.collection().countDocuments();
  }

  private async quarantine<T extends object>(
    from: mongo.Collection<T>,
    misfits: ReadonlyMap<T, string[]>,
    fence: string | undefined,
  ): Promise<void> {
    const at = new Date(),
      rows = this.collection(),
      { collectionName: collection } = from;
    await rows.insertMany(
      [...misfits].map(([row, fields]) => ({
        _id: randomUUID(),
        collection,
        id: getRowId(row),
        fields,
        row: toJson(row),
        at,
      })),
    );
    await from.bulkWrite(
      [...misfits.keys()].map((row) => ({ deleteOne: { filter: matchRow(row, fence) } })),
      { ordered: false },
    );
    this.log.error(
      `${describeMisfits(collection, misfits)} and were moved to ${rows.collectionName}. ` +
        `Remedy: find ` +
        `out who wrote them; the files that they were about are found by the next scan`,
    );
    await this.prune(rows);
  }

  private async prune(rows: mongo.Collection<StoredUnreadable>): Promise<void> {
    const [oldest] = await rows.find({}, { sort: { at: -1 }, skip: maxRows, limit: 1 }).toArray();
    if (oldest) await rows.deleteMany({ at: { $lte: oldest.at } });
  }
}

/** Uses `$eq`, because a value of such a row may look like an operator. */
function matchRow(row: object, fence: string | undefined): object {
  const valueOf = (name: string): unknown => (row as Record<string, unknown>)[name] ?? null;
  return {
    _id: { $eq: valueOf('_id') },
    ...(fence === undefined ? {} : { [fence]: { $eq: valueOf(fence) } }),
  };
}

function describeMisfits(collection: string, misfits: ReadonlyMap<object, string[]>): string {
  const first = [...misfits]
    .slice(0, maxExamples)
    .map(([row, fields]) => `${getRowId(row)} (${fields.join(', ')})`);
  return (
    `${String(misfits.size)} rows of ${collection} hold something else than they should: ` +
    `${first.join('; ')}${misfits.size > first.length ? '; …' : ''}`
  );
}

function getRowId(row: object): string {
  const id = (row as { _id?: unknown })._id;
  return (typeof id === 'string' ? id : toJson({ id })).slice(0, 200);
}

function toJson(value: object): string {
  return mongo.BSON.EJSON.stringify(value, { relaxed: false }).slice(0, maxRowLength);
}
