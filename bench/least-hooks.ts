import { createHash } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { Schema, Types, type Connection, type Model, type mongo } from 'mongoose';
import type { Machine, Photo } from '../test/flow/site.js';
import { Batcher } from '../src/util/batcher.js';
import { batchInserts, getNativeCollection } from '../src/util/collections.js';
import { measured } from './site.js';

const asStored = {
  depopulate: true,
  flattenMaps: true,
  getters: false,
  virtuals: false,
  transform: false,
  minimize: false,
  useProjection: false,
};

/**
 * A model whose hooks do the least that a capture needs: they convert the document before and after
 * its write, look whether its two strings name files, and insert a row beside the write. Rows that
 * are inserted at about the same time go together. Nothing processes them.
 *
 * @param records whether they also do the least of a durable ledger, which the save does not wait
 *   for: read and hash the file, insert an entry, and remove the row
 */
export async function makeLeastModel(
  connection: Connection,
  sender: Machine,
  records = false,
): Promise<Model<Photo>> {
  const majority = { writeConcern: { w: 'majority' as const } };
  const name = records ? 'LeastRecorded' : 'Least';
  const captures = (): mongo.Collection =>
    getNativeCollection(connection, `${name.toLowerCase()}_captures`);
  const rows = batchInserts<mongo.Document>(captures, majority);
  const entries = batchInserts<mongo.Document & { _id: string }>(
    () => getNativeCollection(connection, 'least_ledger'),
    majority,
  );
  const removals = new Batcher<Types.ObjectId, undefined>(
    async (ids) => {
      await captures().deleteMany({ _id: { $in: ids } }, majority);
      return ids.map(() => ({ result: undefined }));
    },
    { items: 1_000, calls: 1 },
  );
  const record = async (file: string, row: Types.ObjectId): Promise<void> => {
    const bytes = readFileSync(sender.path(file));
    const { size, mtimeMs } = lstatSync(sender.path(file));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await entries.add({ _id: file, size, mtimeMs, sha256, pending: ['b', 'c', 'd'] });
    await removals.add(row);
  };
  const stored = new WeakMap<object, { row: Types.ObjectId; storing: Promise<void> }>();
  const schema = new Schema<Photo>({
    title: { type: String, required: true },
    file: String,
    thumbnail: String,
  });
  schema.pre('save', function capture() {
    const { title, file } = this.toObject(asStored);
    for (const path of [`${measured}/${title}`, file])
      lstatSync(sender.path(path), { bigint: true, throwIfNoEntry: false });
    const row = new Types.ObjectId();
    const storing = rows.add({ _id: row, touched: [file], dueAt: new Date() });
    storing.catch(() => undefined);
    stored.set(this, { row, storing });
  });
  schema.post('save', async function look() {
    const { file } = this.toObject(asStored);
    const capture = stored.get(this);
    await capture?.storing;
    if (records && capture && file) void record(file, capture.row);
  });
  const model = connection.model<Photo>(name, schema);
  await model.createCollection();
  return model;
}
