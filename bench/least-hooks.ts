import { lstatSync } from 'node:fs';
import { Schema, type Connection, type Model, type mongo } from 'mongoose';
import type { Machine, Photo } from '../test/flow/site.js';
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
 */
export async function makeLeastModel(
  connection: Connection,
  sender: Machine,
): Promise<Model<Photo>> {
  const rows = batchInserts<mongo.Document>(
    () => getNativeCollection(connection, 'least_captures'),
    { writeConcern: { w: 'majority' } },
  );
  const stored = new WeakMap<object, Promise<void>>();
  const schema = new Schema<Photo>({
    title: { type: String, required: true },
    file: String,
    thumbnail: String,
  });
  schema.pre('save', function capture() {
    const { title, file } = this.toObject(asStored);
    for (const path of [`${measured}/${title}`, file])
      lstatSync(sender.path(path), { bigint: true, throwIfNoEntry: false });
    const storing = rows.add({ touched: [file], dueAt: new Date() });
    storing.catch(() => undefined);
    stored.set(this, storing);
  });
  schema.post('save', async function look() {
    this.toObject(asStored);
    await stored.get(this);
  });
  const model = connection.model<Photo>('Least', schema);
  await model.createCollection();
  return model;
}
