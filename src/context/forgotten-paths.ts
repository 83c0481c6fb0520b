import { Types, type mongo } from 'mongoose';
import type { RowReader } from '../database/unreadable-rows.js';
import type { ForgetRequest } from '../model/history.js';
import { isDate, isText, type RowShape } from '../model/row-shapes.js';
import { isSafePath } from '../replica/paths.js';
import type { Path } from '../model/path.js';

/** A stored request to remove a path from the history of every host. */
export interface ForgottenPath extends ForgetRequest {
  readonly id: string;
}
export interface ForgottenPathRow {
  _id: string;
  path: string;
  at: Date;
}

const shape: RowShape = { _id: isText, path: isText, at: isDate };

/** Stores which paths every host has to remove from its history. */
export class ForgottenPaths {
  /** @param collection called at each use, because the app may open its connection again */
  constructor(
    private readonly collection: () => mongo.Collection<ForgottenPathRow>,
    private readonly reader: RowReader,
  ) {}

  async add(path: Path): Promise<void> {
    await this.collection().updateOne(
      { _id: new Types.ObjectId().toHexString() },
      { $set: { path }, $currentDate: { at: true } },
      { upsert: true },
    );
  }

  /** When each of these paths was last to be forgotten. Other paths are missing in the answer. */
  async findLast(paths: readonly Path[]): Promise<Map<Path, Date>> {
    const rows = await this.collection()
      .find({ path: { $in: [...paths] } }, { sort: { at: 1 } })
      .toArray();
    const readable = await this.reader.keepReadable(this.collection(), rows, shape);
    return new Map(readable.map(({ path, at }) => [path as Path, at]));
  }

  /** Lists the requests since a time, oldest first, but those with the ids `except`. */
  async listSince(since: Date, except: readonly string[], limit: number): Promise<ForgottenPath[]> {
    const rows = await this.collection()
      .find({ at: { $gte: since }, _id: { $nin: [...except] } }, { sort: { at: 1 }, limit })
      .toArray();
    return (await this.reader.keepReadable(this.collection(), rows, shape)).flatMap(
      ({ _id, path, at }) => (isSafePath(path) ? [{ id: _id, path, at }] : []),
    );
  }
}
