import type { Schema } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createPlugin } from '../../src/capture/plugin.js';
import { a, b, c, compilePhotos, d } from './photos.js';
import { makeSite, mongooses, type Site } from './site.js';

const propagate = { onDelete: 'propagate', paths: ['file', 'second', 'gallery.file'] } as const;
const slug = { definition: { slug: { type: String, unique: true, sparse: true, maxlength: 5 } } };

describe.each(mongooses)('bulk operations on %s', (_name, mongoose) => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite(mongoose);
    for (const path of [a, b, c, d]) await site.write(path);
  });
  afterAll(() => site.close());
  beforeEach(() => site.reset());

  const touched = async () => (await site.captures()).flatMap((capture) => capture.touched).sort();
  const left = async () => (await site.captures()).flatMap((capture) => capture.left).sort();
  const savers = async () => (await site.captures()).map(({ savedBy }) => savedBy?.id).sort();

  describe('insertMany', () => {
    test('is announced before it is sent, and captured with each document after it', async () => {
      const photos = await compilePhotos(site);
      const inserted = await photos.insertMany([{ file: a }, { file: b }, { title: 'no file' }]);
      const collection = photos.collection.collectionName;
      expect(site.commands.map(({ name, collection: on }) => [name, on])).toEqual([
        ['insert', 'syncmedia_captures'], ['insert', collection], ['insert', 'syncmedia_captures'], ['delete', 'syncmedia_captures'],
      ]);
      expect(await savers()).toEqual(inserted.slice(0, 2).map(({ _id }) => String(_id)).sort());
      expect((await site.captures()).flatMap(({ sweep }) => sweep)).toEqual([{ dir: 'uploads/photos', after: 30 }]);
    });

    test('takes one document, documents of the model, lean ones and raw results', async () => {
      const photos = await compilePhotos(site);
      await photos.insertMany({ file: a });
      await photos.insertMany([new photos({ file: b })]);
      await photos.insertMany([{ file: c }], { lean: true });
      const { insertedIds } = await photos.insertMany([{ file: d }], { rawResult: true });
      expect(await touched()).toEqual([a, b, c, d]);
      expect(await savers()).toContain(String(insertedIds[0]));
      expect(site.handedOver).toHaveLength(4);
    });

    test('what hooks and defaults set is captured', async () => {
      const photos = await compilePhotos(site, {}, {
        definition: { third: { type: String, default: c } }, prepare: (schema) => { schema.pre('validate', function () { this.set('second', b); }); },
      });
      await photos.insertMany([{ file: a }]);
      expect(await touched()).toEqual([a, b, c]);
    });

    test('where some are inserted and one is a duplicate, what was announced counts at once', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await photos.create({ slug: 'x' });
      await site.reset();
      await expect(photos.insertMany([{ file: a, slug: 'y' }, { file: b, slug: 'x' }, { file: c, slug: 'z' }], { ordered: false })).rejects.toMatchObject({ code: 11000 });
      expect(await touched()).toEqual([a, b, c]);
      expect(site.handedOver).toHaveLength(1);
    });

    test('where the first is a duplicate, nothing is left', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await photos.create({ slug: 'x' });
      await site.reset();
      await expect(photos.insertMany([{ file: b, slug: 'x' }, { file: c, slug: 'z' }])).rejects.toMatchObject({ code: 11000 });
      expect(await site.captures()).toEqual([]);
      expect(site.handedOver).toEqual([]);
    });

    test('an error that proves nothing leaves what is due by itself', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await expect(photos.insertMany([{ file: a, slug: 'much too long' }])).rejects.toMatchObject({ name: 'ValidationError' });
      expect(await touched()).toEqual([a]);
      expect(site.handedOver).toEqual([]);
    });

    test('through a base model its discriminators are captured', async () => {
      const photos = await compilePhotos(site);
      const videos = photos.discriminator(`Video${photos.modelName}`, new mongoose.Schema({ poster: String }));
      await videos.init();
      await site.reset();
      await photos.insertMany([{ __t: videos.modelName, poster: a }] as never);
      await videos.insertMany([{ poster: b }] as never);
      expect(await touched()).toEqual([a, b]);
      expect(site.handedOver).toHaveLength(2);
    });
  });

  describe('bulkSave', () => {
    test('writes one capture per document in one go, and its bulkWrite none', async () => {
      const photos = await compilePhotos(site);
      const documents = [new photos({ file: a }), new photos({ file: b })];
      await photos.bulkSave(documents);
      expect(site.commands.map(({ name, collection }) => [name, collection])).toEqual([['insert', 'syncmedia_captures'], ['insert', photos.collection.collectionName]]);
      expect(await savers()).toEqual(documents.map(({ _id }) => String(_id)).sort());
    });

    test('sees what later hooks set, and what is no longer named', async () => {
      const photos = await compilePhotos(site, propagate, { prepare: (schema) => { schema.pre('save', function () { if (!this.isNew) this.set('second', b); }); } });
      const document = await photos.create({ file: a, second: c });
      await site.reset();
      document.set('file', d);
      await photos.bulkSave([document]);
      expect([await touched(), await left()]).toEqual([[b, d], [a, c]]);
    });

    test('leaves nothing where nothing was sent, and a later save is captured again', async () => {
      const photos = await compilePhotos(site, {}, slug);
      const [good, bad] = [new photos({ file: a }), new photos({ file: b, slug: 'much too long' })];
      await expect(photos.bulkSave([good, bad])).rejects.toMatchObject({ name: 'ValidationError' });
      expect(await site.captures()).toEqual([]);
      await good.save();
      expect(await touched()).toEqual([a]);
    });

    test('counts at once where some were written', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await photos.create({ slug: 'x' });
      await site.reset();
      await expect(photos.bulkSave([new photos({ file: a }), new photos({ file: b, slug: 'x' })], { ordered: false })).rejects.toMatchObject({ code: 11000 });
      expect(await touched()).toEqual([a, b]);
      expect(site.handedOver).toHaveLength(2);
    });
  });

  describe('bulkWrite', () => {
    test('of deletes alone writes nothing where they do not propagate', async () => {
      const photos = await compilePhotos(site);
      await photos.create({ file: a });
      await site.reset();
      await photos.bulkWrite([{ deleteOne: { filter: { file: a } } }]);
      expect(site.commands.map(({ name }) => name)).toEqual(['delete']);
    });

    test('of deletes alone owes no sweep', async () => {
      const photos = await compilePhotos(site, propagate);
      await photos.create([{ file: a }, { file: b }]);
      await site.reset();
      await photos.bulkWrite([{ deleteMany: { filter: {} } }]);
      expect([await left(), (await site.captures()).flatMap(({ sweep }) => sweep)]).toEqual([[a, b], []]);
    });

    test('casts filters without changing what the app gave', async () => {
      let seen: unknown;
      const photos = await compilePhotos(site, propagate, { prepare: (schema) => {
        // Mongoose 8 calls it with `next` first.
        schema.pre('bulkWrite', async function (first: unknown, second?: unknown) {
          seen = structuredClone(typeof first === 'function' ? second : first);
          return Promise.resolve();
        } as never);
      } });
      const photo = await photos.create({ file: a });
      await site.reset();
      const writes = () => [{ updateOne: { filter: { _id: String(photo._id) }, update: { file: b } } }];
      await photos.bulkWrite(writes());
      expect([await touched(), await left(), seen]).toEqual([[b], [a], writes()]);
    });

    test('upserts, many at once', async () => {
      const photos = await compilePhotos(site);
      const { upsertedIds } = await photos.bulkWrite([a, b, c].map((file) => ({ updateOne: { filter: { file }, update: { title: 'x' }, upsert: true } })));
      expect(await touched()).toEqual([a, b, c]);
      expect(await savers()).toEqual(Object.values(upsertedIds).map(String).sort());
    });

    test('that finds nothing leaves nothing', async () => {
      const photos = await compilePhotos(site, propagate);
      await photos.bulkWrite([{ updateOne: { filter: { title: 'nobody' }, update: { file: a } } }]);
      await photos.bulkWrite([]);
      expect(await site.captures()).toEqual([]);
      expect(site.handedOver).toEqual([]);
    });

    test('that fails in part counts at once, and that fails in its first leaves nothing', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await photos.create({ slug: 'x' });
      const [good, bad] = [{ insertOne: { document: { file: a } } }, { insertOne: { document: { file: b, slug: 'x' } } }];
      await site.reset();
      await expect(photos.bulkWrite([bad, good])).rejects.toMatchObject({ code: 11000 });
      expect(await site.captures()).toEqual([]);
      await expect(photos.bulkWrite([good, bad])).rejects.toMatchObject({ code: 11000 });
      expect(await touched()).toEqual([a, b]);
      expect(site.handedOver).toHaveLength(1);
    });

    test('what Mongoose refuses, it refuses as ever', async () => {
      const photos = await compilePhotos(site);
      const bare = site.connection.model(`Bare${photos.modelName}`, new mongoose.Schema({ file: String }));
      for (const given of [[{ nonsense: {} }], [null], [{ updateOne: { filter: { file: a } } }], 'x']) {
        const expected: unknown = await bare.bulkWrite(given as never).catch((error: unknown) => (error as Error).message);
        await expect(photos.bulkWrite(given as never)).rejects.toThrow(expected);
      }
    });
  });

  test("the app's hooks run once", async () => {
    const ran: string[] = [];
    const note = (name: string) => async () => { ran.push(name); return Promise.resolve(); };
    const photos = await compilePhotos(site, {}, {
      before: (schema) => { schema.pre('insertMany', note('pre insertMany') as never); schema.post('bulkWrite', note('post bulkWrite') as never); },
      prepare: (schema) => { schema.post('insertMany', note('post insertMany') as never); schema.pre('bulkWrite', note('pre bulkWrite') as never); },
    });
    await photos.insertMany([{ file: a }]);
    await photos.bulkWrite([{ insertOne: { document: { file: b } } }]);
    expect(ran).toEqual(['pre insertMany', 'post insertMany', 'pre bulkWrite', 'post bulkWrite']);
    expect(await touched()).toEqual([a, b]);
  });

  test('a static of that name that the schema has is called, with the model', async () => {
    const calls: unknown[] = [];
    const photos = await compilePhotos(site, {}, { before: (schema) => {
      schema.static('insertMany', async function (this: unknown, ...args: unknown[]) { calls.push([this, ...args]); return Promise.resolve([{ _id: 1, file: a }]); });
    } });
    const given = [{ file: b }];
    expect(await photos.insertMany(given, { ordered: false })).toEqual([{ _id: 1, file: a }]);
    expect(calls).toEqual([[photos, given, { ordered: false }]]);
    expect(await touched()).toEqual([a]);
  });

  test('two instances capture one schema independently', async () => {
    const photos = await compilePhotos(site, {}, { before: (schema: Schema) => { schema.plugin(createPlugin(site.deps), { syncDirs: 'uploads/photos' }); } });
    await photos.insertMany([{ file: a }]);
    expect(await touched()).toEqual([a, a]);
    await site.reset();
    await photos.bulkSave([new photos({ file: b })]);
    expect(await touched()).toEqual([b, b]);
    await site.reset();
    await photos.bulkWrite([{ insertOne: { document: { file: c } } }]);
    expect(await touched()).toEqual([c, c]);
  });
});
