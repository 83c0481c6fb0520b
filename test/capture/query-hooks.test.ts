import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientSession, Query, Schema } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PluggedModel } from '../../src/capture/capturing.js';
import { Operation } from '../../src/capture/operation.js';
import { Outbox } from '../../src/capture/outbox.js';
import { CommitWatch } from '../../src/capture/session-commit.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';
import { a, b, c, compilePhotos, d, type Photo } from './photos.js';
import { makeSite, mongooses, type Site } from './site.js';
import { makeRowReader } from '../harness/row-reader.js';

const propagate = { onDelete: 'propagate', paths: ['file', 'second', 'gallery.file'] } as const;

describe.each(mongooses)('queries on %s', (_name, mongoose) => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite(mongoose);
    for (const path of [a, b, c, d]) await site.write(path);
  });
  afterAll(() => site.close());
  beforeEach(() => site.reset());

  const paths = async () =>
    (await site.captures()).map(({ touched, unreferenced: left }) => ({
      touched,
      unreferenced: left,
    }));
  const names = () =>
    site.commands
      .filter(({ name }) => name !== 'find')
      .map(({ name, collection }) => `${name} ${String(collection)}`);

  test('an update is announced before it is sent, with its saver and the rescan, and examined again after it', async () => {
    const photos = await compilePhotos(site);
    const photo = await photos.create({ file: a });
    await site.reset();
    await photos.updateOne({ file: a }, { file: b });
    const collection = photos.collection.collectionName;
    expect(site.commands.map(({ name, collection: on }) => [name, on])).toEqual([
      ['find', collection],
      ['insert', 'syncmedia_captures'],
      ['update', collection],
      ['find', collection],
    ]);
    expect(await site.captures()).toMatchObject([
      {
        savedBy: { model: photos.modelName, id: String(photo._id) },
        unreferenced: [],
        rescan: [{ dir: 'uploads/photos', after: 30 }],
      },
    ]);
  });

  test('reads go to the primary, whatever the settings of the connection', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.create({ file: a });
    await site.reset();
    await photos.updateOne({}, { file: b });
    const reads = site.commands.filter(({ name }) => name === 'find');
    expect(reads).toHaveLength(2);
    for (const { command } of reads)
      expect((command['$readPreference'] as { mode?: string } | undefined)?.mode ?? 'primary').toBe(
        'primary',
      );
  });

  test("the app's find hooks neither hide documents nor run", async () => {
    let ran = 0;
    const photos = await compilePhotos(site, propagate, {
      prepare: (schema) => {
        schema.pre(/^find/, function (this: Query<unknown, unknown>) {
          ran++;
          void this.where({ title: 'visible' });
        });
      },
    });
    await photos.create([{ file: a, title: 'hidden' }]);
    await site.reset();
    await photos.deleteMany({});
    expect(await paths()).toEqual([{ touched: [], unreferenced: [a] }]);
    expect(ran).toBe(0);
  });

  test('new values that only MongoDB knows are found', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.create({ second: a, gallery: [{ file: c }, { file: d }] });
    await site.reset();
    await photos.updateOne({}, { $rename: { second: 'file' } }, { strict: false });
    expect(await paths()).toEqual([{ touched: [a, c, d], unreferenced: [] }]);
    await site.reset();
    await photos.updateOne({}, { $pull: { gallery: { file: c } } });
    expect(await paths()).toEqual([{ touched: [a, d], unreferenced: [c] }]);
    await site.reset();
    await photos.updateOne({}, { $push: { gallery: { file: b } }, $unset: { file: 1 } });
    expect(await paths()).toEqual([{ touched: [d, b], unreferenced: [a] }]);
  });

  test('setters, casts and lower case change the captured name', async () => {
    const photos = await compilePhotos(
      site,
      { paths: 'code' },
      { definition: { code: { type: String, lowercase: true } } },
    );
    await photos.create({ title: 'one' });
    await site.reset();
    await photos.updateOne({ title: 'one' }, { code: 'A.JPG' });
    expect(await paths()).toEqual([{ touched: [a], unreferenced: [] }]);
  });

  test('a filter is cast as Mongoose casts it, also by an `_id` in a string', async () => {
    const photos = await compilePhotos(site, propagate, { definition: { at: Date } });
    const photo = await photos.create({ file: a, at: new Date(0) });
    await site.reset();
    await photos.updateOne({ _id: String(photo._id), at: '1970-01-01' }, { file: b });
    expect(await site.captures()).toMatchObject([
      { touched: [b], unreferenced: [a], rescan: [{ after: 30 }] },
    ]);
  });

  test('sort decides which document an update takes', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.create([
      { file: a, title: '1' },
      { file: b, title: '2' },
    ]);
    await site.reset();
    await photos.findOneAndUpdate({}, { file: c }, { sort: { title: -1 } });
    expect(await paths()).toEqual([{ touched: [c], unreferenced: [b] }]);
  });

  test('an update that finds nothing and an update that cannot be cast leave nothing', async () => {
    const photos = await compilePhotos(site, propagate, { definition: { at: Date } });
    await photos.updateOne({ title: 'nobody' }, { file: a });
    await photos.updateMany({ title: 'nobody' }, { file: a });
    expect(await photos.findOneAndUpdate({ title: 'nobody' }, { file: a })).toBeNull();
    await expect(
      photos.findOneAndReplace({ title: 'nobody' }, { file: a }).orFail(),
    ).rejects.toMatchObject({ name: 'DocumentNotFoundError' });
    await photos.deleteOne({ title: 'nobody' });
    await photos.deleteMany({ title: 'nobody' });
    await photos.findOneAndDelete({ title: 'nobody' });
    expect(names().filter((name) => name === 'insert syncmedia_captures').length).toBeGreaterThan(
      0,
    );
    await expect(photos.updateOne({ at: 'never' }, { file: a })).rejects.toMatchObject({
      name: 'CastError',
    });
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });

  test('a validation error and a duplicate key withdraw the capture; of many documents some may be written', async () => {
    const photos = await compilePhotos(
      site,
      {},
      { definition: { slug: { type: String, unique: true, sparse: true, maxlength: 5 } } },
    );
    await photos.create([
      { file: a, slug: 'x' },
      { file: b, slug: 'y' },
    ]);
    await site.reset();
    await expect(photos.updateOne({ slug: 'x' }, { file: c, slug: 'y' })).rejects.toMatchObject({
      code: 11000,
    });
    await expect(
      photos.findOneAndUpdate({ slug: 'x' }, { slug: 'much too long' }, { runValidators: true }),
    ).rejects.toMatchObject({ name: 'ValidationError' });
    expect(await site.captures()).toEqual([]);
    await expect(photos.updateMany({}, { file: c, slug: 'z' })).rejects.toMatchObject({
      code: 11000,
    });
    expect((await site.captures()).flatMap(({ touched }) => touched)).toContain(c);
    expect(site.handedOver).toEqual([]);
  });

  test('an operation that the app refuses is never announced, and an error after the write hides nothing', async () => {
    const before = await compilePhotos(
      site,
      {},
      {
        prepare: (schema) => {
          schema.pre('updateOne', () => {
            throw new Error('not today');
          });
        },
      },
    );
    await before.create({ file: a });
    await site.reset();
    await expect(before.updateOne({}, { file: b })).rejects.toThrow('not today');
    expect(site.commands).toEqual([]);
    const after = await compilePhotos(
      site,
      {},
      {
        before: (schema) => {
          schema.post('updateOne', () => {
            throw new Error('late');
          });
        },
      },
    );
    await after.create({ file: a });
    await site.reset();
    await expect(after.updateOne({}, { file: b })).rejects.toThrow('late');
    expect(site.handedOver).toHaveLength(1);
  });

  test('an upsert is captured with the document it made, in every form of its result', async () => {
    const photos = await compilePhotos(site);
    const { upsertedId } = await photos.updateOne({ file: a }, { second: b }, { upsert: true });
    expect(await site.captures()).toMatchObject([
      { savedBy: { id: String(upsertedId) }, touched: [a, b] },
    ]);
    await site.reset();
    const made = await photos
      .findOneAndUpdate({ file: b }, { second: c }, { upsert: true, returnDocument: 'after' })
      .orFail();
    expect(await site.captures()).toMatchObject([
      { savedBy: { id: String(made._id) }, touched: [b, c] },
    ]);
    await site.reset();
    const told = await photos.findOneAndUpdate(
      { file: c },
      { second: d },
      { upsert: true, returnDocument: 'after', includeResultMetadata: true },
    );
    expect(await site.captures()).toMatchObject([
      { savedBy: { id: String(told.value?._id) }, touched: [c, d] },
    ]);
    await site.reset();
    expect(
      await photos.findOneAndUpdate(
        { file: d },
        { second: a },
        { upsert: true, returnDocument: 'before' },
      ),
    ).toBeNull();
    expect(await site.captures()).toMatchObject([
      { touched: expect.arrayContaining([a, d]) as unknown, rescan: [{ after: 0 }] },
    ]);
    expect(site.handedOver).toHaveLength(1);
  });

  test('answers may be lean, projected or with metadata', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.create({ file: a, title: 'x' });
    for (const [change, run] of [
      [[a, b], () => photos.findOneAndUpdate({ title: 'x' }, { file: b }).lean()],
      [
        [b, c],
        () =>
          photos.findOneAndUpdate(
            { title: 'x' },
            { file: c },
            { projection: { _id: 0, title: 1 } },
          ),
      ],
      [
        [c, d],
        () => photos.findOneAndUpdate({ title: 'x' }, { file: d }, { includeResultMetadata: true }),
      ],
    ] as const) {
      await site.reset();
      await run();
      expect(await site.captures()).toMatchObject([
        { touched: [change[1]], unreferenced: [change[0]], rescan: [{ after: 30 }] },
      ]);
    }
  });

  test('a document field with the name of a result field is no problem', async () => {
    const photos = await compilePhotos(site, propagate, {
      definition: {
        acknowledged: Boolean,
        matchedCount: Number,
        lastErrorObject: String,
        value: String,
      },
    });
    await photos.create({
      file: a,
      acknowledged: true,
      matchedCount: 0,
      lastErrorObject: 'x',
      value: 'y',
    });
    await site.reset();
    await photos.findOneAndUpdate({}, { file: b });
    expect(await paths()).toEqual([{ touched: [b], unreferenced: [a] }]);
  });

  test('a hook that changes the filter later is nothing special', async () => {
    const photos = await compilePhotos(
      site,
      {},
      {
        prepare: (schema) => {
          schema.pre('updateOne', function () {
            void this.where({ title: 'two' });
          });
        },
      },
    );
    await photos.create([
      { file: a, title: 'one' },
      { file: b, title: 'two' },
    ]);
    await site.reset();
    await photos.updateOne({}, { second: c });
    expect(await site.captures()).toMatchObject([
      { touched: [c, b], rescan: [{ dir: 'uploads/photos', after: 30 }] },
    ]);
  });

  test('a filter by an alias is followed', async () => {
    const photos = await compilePhotos(site, propagate, {
      definition: { label: { type: String, alias: 'caption' } },
    });
    await photos.create({ file: a, label: 'x' });
    await site.reset();
    await photos.updateOne({ caption: 'x' }, { file: b }, { translateAliases: true });
    expect(await site.captures()).toMatchObject([{ touched: [b], unreferenced: [a] }]);
  });

  test('a Mongoose without `mongooseCollection` is refused by name, since its writes would be missed', async () => {
    const photos = await compilePhotos(site);
    const query = photos.updateOne({}, { file: a });
    (query as unknown as { mongooseCollection: unknown }).mongooseCollection = undefined;
    await expect(query).rejects.toThrow(`Mongoose ${mongoose.version} has no mongooseCollection`);
  });

  test('a hook that changes the update later, and timestamps, are nothing special', async () => {
    const photos = await compilePhotos(site, propagate, {
      prepare: (schema) => {
        schema.set('timestamps', true);
        schema.pre('updateOne', function () {
          this.set('second', d);
        });
      },
    });
    await photos.create({ file: a });
    await site.reset();
    await photos.updateOne({ file: a }, { file: b });
    expect(await site.captures()).toMatchObject([
      { touched: [d, b], unreferenced: [a], rescan: [{ after: 30 }] },
    ]);
  });

  test('a name that a document loses is found, both while the file is there and after it is gone', async () => {
    const photos = await compilePhotos(site, { ...propagate, paths: 'file' });
    await site.write('uploads/photos/gone.jpg');
    await photos.create([
      { file: 'gone.jpg', title: 'gone' },
      { file: 'a.jpg', title: 'there' },
    ]);
    await unlink(join(site.rootPath, 'uploads/photos/gone.jpg'));
    await site.reset();
    await photos.deleteOne({ title: 'gone' });
    await photos.deleteOne({ title: 'there' });
    expect((await paths()).flatMap(({ unreferenced: left }) => left).sort()).toEqual([
      a,
      'uploads/photos/gone.jpg',
    ]);
    expect((await site.captures()).flatMap(({ rescan }) => rescan)).toEqual([]);
  });

  test('a name that another written document still has is not lost', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.create([
      { file: a, title: '1' },
      { file: b, title: '2' },
    ]);
    await site.reset();
    // The two swap one file.
    await photos.bulkWrite([
      { updateOne: { filter: { title: '1' }, update: { file: b } } },
      { updateOne: { filter: { title: '2' }, update: { file: c } } },
    ]);
    expect((await paths()).flatMap(({ unreferenced: left }) => left)).toEqual([a]);
  });

  test('deletes write nothing where they do not propagate', async () => {
    const photos = await compilePhotos(site);
    const [photo] = await photos.create([{ file: a }, { file: b }, { file: c }]);
    await site.reset();
    await photo!.deleteOne();
    await photos.deleteMany({});
    expect(names()).toEqual([
      `delete ${photos.collection.collectionName}`,
      `delete ${photos.collection.collectionName}`,
    ]);
  });

  test('a document deleted twice is captured once', async () => {
    const photos = await compilePhotos(site, propagate);
    const photo = await photos.create({ file: a });
    await site.reset();
    await photo.deleteOne();
    await photo.deleteOne();
    expect(await paths()).toEqual([{ touched: [], unreferenced: [a] }]);
    expect(site.handedOver).toHaveLength(1);
  });

  test('ids of any type are distinguished', async () => {
    const schema = new mongoose.Schema({
      _id: mongoose.Schema.Types.Mixed,
      file: String,
    }) as Schema;
    schema.plugin(site.plugin, { syncDirs: 'uploads/photos', ...propagate });
    const photos = site.connection.model(`Mixed${String(Math.floor(performance.now()))}`, schema);
    await photos.init();
    await photos.collection.insertMany([
      { _id: 1, file: a },
      { _id: '1', file: b },
      { _id: { x: 1 }, file: c },
      { _id: { x: 2 }, file: d },
    ] as never);
    await site.reset();
    await photos.updateMany({}, { $unset: { file: 1 } });
    expect((await paths()).map(({ unreferenced: left }) => left)).toHaveLength(4);
    expect((await paths()).flatMap(({ unreferenced: left }) => left).sort()).toEqual([a, b, c, d]);
  });

  test('an operation whose capture cannot be stored rejects and writes nothing', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.create({ file: a });
    const closed = await site.connect();
    const before = site.capturing!;
    site.capturing = { ...before, outbox: new Outbox(closed, 'syncmedia_', makeRowReader(closed)) };
    await closed.close();
    try {
      await expect(photos.updateOne({}, { file: b })).rejects.toThrow();
      await expect(photos.deleteMany({})).rejects.toThrow();
      expect(await photos.countDocuments({ file: a })).toBe(1);
    } finally {
      site.capturing = before;
    }
  });

  test('a machine that was never initialised reads and writes nothing of its own', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.create({ file: a });
    await site.reset();
    const before = site.capturing;
    site.capturing = undefined;
    try {
      await photos.updateOne({}, { file: b });
      await photos.insertMany([{ file: c }]);
      await photos.bulkWrite([{ deleteOne: { filter: { file: c } } }]);
      await photos.deleteMany({});
      expect(site.commands.map(({ name }) => name)).toEqual([
        'update',
        'insert',
        'delete',
        'delete',
      ]);
    } finally {
      site.capturing = before;
    }
  });

  test('a connection that opens later is waited for, as Mongoose does', async () => {
    const own = new mongoose.Mongoose();
    const connection = own.createConnection();
    const schema = new own.Schema({ file: String }) as Schema;
    schema.plugin(site.plugin, { syncDirs: 'uploads/photos', ...propagate });
    const photos = connection.model('Late', schema, 'late', {});
    await site.connection.collection('late').insertOne({ file: a } satisfies Photo);
    const updated = photos.updateOne({}, { file: b }).exec();
    await connection.openUri(site.database.uri);
    await updated;
    expect(await paths()).toEqual([{ touched: [b], unreferenced: [a] }]);
    await connection.close();
  });

  test('a look-up that the server refuses fails no operation, except in a transaction', async () => {
    const photos = (await compilePhotos(site)) as unknown as PluggedModel;
    await photos.collection.insertOne({ file: a });
    const options = resolvePluginOptions({ syncDirs: 'uploads/photos' }, 'test');
    const look = (session?: ClientSession) =>
      new Operation(photos, options, site.capturing!, session, new CommitWatch()).lookUp(
        async () => {
          await photos.collection.find({ $nonsense: 1 }).toArray();
        },
      );
    expect(await look()).toBe(false);
    expect(site.warnings).toHaveLength(1);
    expect(site.warnings[0]).toContain('could not be looked up');
    const session = await site.connection.startSession();
    session.startTransaction();
    await expect(look(session)).rejects.toMatchObject({ name: 'MongoServerError' });
    await session.abortTransaction().catch(() => undefined);
    await session.endSession();
  });

  test('names that `paths` returned and that cannot be sent are reported, a few per operation', async () => {
    const photos = await compilePhotos(site, { paths: 'file' });
    await photos.collection.insertMany(
      Array.from({ length: 30 }, (_, index) => ({ title: String(index) })),
    );
    await site.reset();
    await photos.updateMany({}, { file: '../../etc/passwd' });
    expect(site.warnings).toHaveLength(10);
    expect(site.warnings[0]).toContain('"../../etc/passwd"');
    expect((await site.captures()).flatMap(({ touched }) => touched)).toEqual([]);
  });
});
