import type { Mongoose, Schema } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { storeNamedByApp } from '../../src/capture/store-asserted.js';
import { CommitWatch } from '../../src/capture/session-commit.js';
import type { PluginOptions } from '../../src/config/config.js';
import type { Path } from '../../src/model/path.js';
import { a, b, c, compilePhotos, d, type Photo, type Photos, type Saved } from './photos.js';
import { makeSite, mongooses, type Site } from './site.js';
import { listDocumented } from './table.js';

/** What one document, or one request, is captured with. */
interface Expected {
  readonly touched?: string[];
  readonly unreferenced?: string[];
}

interface Row {
  /** The documents that are stored before. */
  readonly before?: Photo[];
  /** `documents` are those of `before`, as they were saved. */
  run(photos: Photos, documents: [Saved, Saved], site: Site): Promise<unknown>;
  readonly expected: Expected[];
}

const two: Photo[] = [
  { title: 'one', file: a },
  { title: 'two', file: b },
];
const replaced: Pick<Row, 'before' | 'expected'> = {
  before: two,
  expected: [{ touched: [c], unreferenced: [a] }],
};
const removed: Pick<Row, 'before' | 'expected'> = {
  before: two,
  expected: [{ unreferenced: [a] }],
};

const captured: Record<string, Row> = {
  save: { ...replaced, run: (_, [photo]) => photo.set('file', c).save() },
  create: {
    run: (photos) => photos.create([{ file: a }, { file: b }]),
    expected: [{ touched: [a] }, { touched: [b] }],
  },
  insertOne: { run: (photos) => photos.insertOne({ file: a }), expected: [{ touched: [a] }] },
  insertMany: {
    run: (photos) => photos.insertMany([{ file: a }, { file: b }]),
    expected: [{ touched: [a] }, { touched: [b] }],
  },
  bulkSave: {
    before: two,
    run: (photos, [photo]) => photos.bulkSave([photo.set('file', c), new photos({ file: d })]),
    expected: [{ touched: [c], unreferenced: [a] }, { touched: [d] }],
  },
  updateOne: {
    ...replaced,
    run: (photos) => photos.updateOne({ title: 'one' }, { title: 'x', file: c }),
  },
  'document.updateOne': {
    ...replaced,
    run: (_, [photo]) => photo.updateOne({ $set: { title: 'x', file: c } }),
  },
  updateMany: {
    before: two,
    run: (photos) => photos.updateMany({ title: { $in: ['one', 'two'] } }, { title: 'x', file: c }),
    expected: [
      { touched: [c], unreferenced: [a] },
      { touched: [c], unreferenced: [b] },
    ],
  },
  replaceOne: { ...replaced, run: (photos) => photos.replaceOne({ title: 'one' }, { file: c }) },
  findOneAndUpdate: {
    ...replaced,
    run: (photos) => photos.findOneAndUpdate({ title: 'one' }, { title: 'x', file: c }),
  },
  findByIdAndUpdate: {
    ...replaced,
    run: (photos, [photo]) => photos.findByIdAndUpdate(String(photo._id), { file: c }),
  },
  findOneAndReplace: {
    ...replaced,
    run: (photos) => photos.findOneAndReplace({ title: 'one' }, { file: c }),
  },
  bulkWrite: {
    before: [...two, { title: 'three', file: d }],
    run: (photos, [one, other]) =>
      photos.bulkWrite([
        { insertOne: { document: { file: c } } },
        { updateOne: { filter: { _id: one._id }, update: { file: c } } },
        {
          replaceOne: {
            filter: { title: 'two' },
            replacement: { file: c, title: String(other._id) } as never,
          },
        },
        { deleteOne: { filter: { title: 'three' } } },
      ]),
    expected: [
      { touched: [c] },
      { touched: [c], unreferenced: [a] },
      { touched: [c], unreferenced: [b] },
      { unreferenced: [d] },
    ],
  },
  deleteOne: { ...removed, run: (photos) => photos.deleteOne({ title: 'one' }) },
  'document.deleteOne': { ...removed, run: (_, [photo]) => photo.set('file', c).deleteOne() },
  deleteMany: {
    before: two,
    run: (photos) => photos.deleteMany({}),
    expected: [{ unreferenced: [a, b] }],
  },
  findOneAndDelete: { ...removed, run: (photos) => photos.findOneAndDelete({ title: 'one' }) },
  findByIdAndDelete: { ...removed, run: (photos, [photo]) => photos.findByIdAndDelete(photo._id) },
  upserts: {
    run: (photos) => photos.updateOne({ file: a }, { $set: { second: b } }, { upsert: true }),
    expected: [{ touched: [b, a] }],
  },
  discriminators: {
    async run(photos, _, site) {
      const videos = photos.discriminator(
        `Video${photos.modelName}`,
        new site.mongoose.Schema({ poster: String }),
      ) as unknown as Photos;
      await videos.init();
      await videos.create({ title: 'video', poster: a });
      await site.reset();
      await videos.updateOne({ title: 'video' }, { poster: c });
    },
    expected: [{ touched: [c], unreferenced: [a] }],
  },
  subdocuments: {
    before: [{ title: 'one', gallery: [{ file: a }, { file: b }] }],
    run: (photos) => photos.updateOne({ 'gallery.file': a }, { $set: { 'gallery.$.file': c } }),
    expected: [{ touched: [c, b], unreferenced: [a] }],
  },
  'sync.capture(paths)': {
    run: (_, __, { capturing, connection }) =>
      storeNamedByApp({ touched: [a as Path] }, {}, capturing!, connection, new CommitWatch()),
    expected: [{ touched: [a] }],
  },
  'sync.remove(paths)': {
    run: (_, __, { capturing, connection }) =>
      storeNamedByApp({ unreferenced: [a as Path] }, {}, capturing!, connection, new CommitWatch()),
    expected: [{ unreferenced: [a] }],
  },
};

const uncaptured: Record<
  string,
  (photos: Photos, site: Site, mongoose: Mongoose) => Promise<unknown>
> = {
  'middleware: false': (photos, _, mongoose) =>
    mongoose.version.startsWith('8.')
      ? Promise.resolve()
      : new photos({ file: a }).save({ middleware: false }),
  'Model.collection': (photos) => photos.collection.insertOne({ file: a }),
  // A server of tests may not know these; whether it does makes no difference.
  '$out and $merge': (photos) =>
    photos
      .aggregate([{ $match: {} }, { $out: `${photos.collection.collectionName}_out` }])
      .exec()
      .catch(() => undefined),
  async 'an unplugged base model'(_, site, mongoose) {
    const Base = site.connection.model('Base', new mongoose.Schema({ title: String }));
    await Base.init();
    const child = new mongoose.Schema({ file: String }) as Schema;
    child.plugin(site.plugin, { syncDirs: 'uploads/photos' });
    const Child = Base.discriminator('Child', child);
    await Child.init();
    await Child.create({ file: a });
    expect(await site.captures()).toHaveLength(1);
    await site.reset();
    await Base.updateOne({}, { title: a });
  },
};

test('each row of the table has a test here, and each test a row', () => {
  expect(Object.keys(captured)).toEqual(listDocumented('Captured'));
  expect(Object.keys(uncaptured)).toEqual(listDocumented('Not captured'));
});

describe.each(mongooses)('operations on %s', (_name, mongoose) => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite(mongoose);
    for (const path of [a, b, c, d]) await site.write(path);
  });
  afterAll(() => site.close());
  beforeEach(() => site.reset());

  async function run(row: Row, options: Partial<PluginOptions>): Promise<Expected[]> {
    const photos = await compilePhotos(site, options);
    const documents = (await photos.create(row.before ?? [])) as unknown as [Saved, Saved];
    await site.reset();
    await row.run(photos, documents, site);
    const captures = await site.captures();
    // The stored captures are handed over, each once.
    expect(new Set(site.handedOver.map(({ id }) => id))).toEqual(
      new Set(captures.map(({ id }) => id)),
    );
    expect(site.handedOver).toHaveLength(captures.length);
    return captures.map(({ touched, unreferenced: left }) => ({ touched, unreferenced: left }));
  }

  const complete = ({ touched = [], unreferenced: left = [] }: Expected): Required<Expected> => ({
    touched: touched.toSorted(),
    unreferenced: left.toSorted(),
  });
  const byPaths = (list: Expected[]): Required<Expected>[] =>
    list
      .map(complete)
      .toSorted((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other)));

  test.each(Object.entries(captured))('%s, where deletes propagate', async (_operation, row) => {
    expect(
      byPaths(
        await run(row, {
          onDelete: 'propagate',
          paths: ['file', 'second', 'poster', 'gallery.file'],
        }),
      ),
    ).toEqual(byPaths(row.expected));
  });

  test.each(Object.entries(captured))('%s, where deletes do not', async (operation, row) => {
    const found = await run(row, {});
    const touched = [...new Set(row.expected.flatMap((one) => one.touched ?? []))].toSorted();
    // An update may look at what it replaced, too; there are no more captures than documents.
    expect(touched.filter((path) => !found.some((one) => one.touched?.includes(path)))).toEqual([]);
    expect(found).toHaveLength(
      row.expected.filter((one) => one.touched || operation.startsWith('sync.')).length,
    );
    if (!operation.startsWith('sync.'))
      expect(found.flatMap((one) => one.unreferenced)).toEqual([]);
  });

  test.each(Object.entries(uncaptured))('%s is not captured', async (_operation, write) => {
    const photos = await compilePhotos(site);
    await write(photos, site, mongoose);
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });
});
