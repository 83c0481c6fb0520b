import { createRequire } from 'node:module';
import mongoose9, { type Mongoose } from 'mongoose';
import { describe, expect, test } from 'vitest';
import { findUnknownFields } from '../../src/capture/unknown-fields.js';

const majors: [string, Mongoose][] = [
  ['9', mongoose9],
  ['8', createRequire(import.meta.url)('mongoose8') as Mongoose],
];

describe.each(majors)('Mongoose %s', (_, mongoose) => {
  const { Schema } = mongoose;
  const schema = new Schema({
    photo: String,
    list: [String],
    nested: { file: String },
    gallery: [{ src: String, alt: String }],
    deep: [[String]],
    one: new Schema({ file: String }),
    anything: Schema.Types.Mixed,
    many: [Schema.Types.Mixed],
    byName: { type: Map, of: String },
    loose: new Schema({ known: String }, { strict: false }),
  });
  schema.virtual('photoUrl').get(() => 'x.jpg');
  const model = mongoose.createConnection().model('Thing', schema);
  model.discriminator('Film', new Schema({ film: String }));

  test.each([
    'photo',
    'list',
    'list.0',
    'nested',
    'nested.file',
    'gallery',
    'gallery.src',
    'gallery.0.src',
    'deep',
    'one.file',
    'anything',
    'anything.at.all',
    'many.file',
    'byName',
    'byName.front',
    'loose.other',
    'film',
  ])('%s may hold a name', (field) => {
    expect(findUnknownFields(model as never, [field])).toEqual([]);
  });

  test.each(['nosuchfield', 'nested.other', 'gallery.href', 'one.other', 'photoUrl', 'photo.x'])(
    '%s cannot',
    (field) => {
      expect(findUnknownFields(model as never, [field])).toEqual([field]);
    },
  );

  test('in a schema that is not strict every field may', () => {
    const open = mongoose.createConnection().model('Open', new Schema({}, { strict: false }));
    expect(findUnknownFields(open as never, ['whatever'])).toEqual([]);
  });
});
