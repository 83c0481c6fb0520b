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
  const left = async () =>
    (await site.captures()).flatMap((capture) => capture.unreferenced).sort();
  const savers = async () => (await site.captures()).map(({ savedBy }) => savedBy?.id).sort();

  describe('insertMany', () => {
    test('announces each document before it is sent', async () => {
      const photos = await compilePhotos(site);
      const inserted = await photos.insertMany([{ file: a }, { file: b }, { title: 'no file' }]);
      const collection = photos.collection.collectionName;
      expect(site.commands.map(({ name, collection: on }) => [name, on])).toEqual([
        ['insert', 'syncmedia_captures'],
        ['insert', collection],
      ]);
      expect(await savers()).toEqual(
        inserted
          .slice(0, 2)
          .map(({ _id }) => String(_id))
          .sort(),
      );
      expect((await site.captures()).flatMap(({ rescan }) => rescan)).toEqual([
        { dir: 'uploads/photos', after: 30 },
      ]);
    });

    test('accepts one document, documents of the model, lean ones and raw results', async () => {
      const photos = await compilePhotos(site);
      await photos.insertMany({ file: a });
      await photos.insertMany([new photos({ file: b })]);
      await photos.insertMany([{ file: c }], { lean: true });
      const { insertedIds } = await photos.insertMany([{ file: d }], { rawResult: true });
      expect(await touched()).toEqual([a, b, c, d]);
      expect(await savers()).toContain(String(insertedIds[0]));
      expect(site.handedOver).toHaveLength(4);
    });

    test('captures values that hooks and defaults set', async () => {
      const photos = await compilePhotos(
        site,
        {},
        {
          definition: { third: { type: String, default: c } },
          prepare: (schema) => {
            schema.pre('validate', function () {
              this.set('second', b);
            });
          },
        },
      );
      await photos.insertMany([{ file: a }]);
      expect(await touched()).toEqual([a, b, c]);
    });

    test('if some documents are inserted and one is a duplicate, their captures count at once', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await photos.create({ slug: 'x' });
      await site.reset();
      await expect(
        photos.insertMany(
          [
            { file: a, slug: 'y' },
            { file: b, slug: 'x' },
            { file: c, slug: 'z' },
          ],
          { ordered: false },
        ),
      ).rejects.toMatchObject({ code: 11000 });
      expect(await touched()).toEqual([a, b, c]);
      expect(site.handedOver).toHaveLength(3);
    });

    test('where the first is a duplicate, nothing is left', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await photos.create({ slug: 'x' });
      await site.reset();
      await expect(
        photos.insertMany([
          { file: b, slug: 'x' },
          { file: c, slug: 'z' },
        ]),
      ).rejects.toMatchObject({ code: 11000 });
      expect(await site.captures()).toEqual([]);
      expect(site.handedOver).toEqual([]);
    });

    test('a document that Mongoose refuses is never announced', async () => {
      const photos = await compilePhotos(site, {}, slug);
      await expect(photos.insertMany([{ file: a, slug: 'much too long' }])).rejects.toMatchObject({
        name: 'ValidationError',
      });
      expect(site.commands).toEqual([]);
    });

    test('through a base model its discriminators are captured', async () => {
      const photos = await compilePhotos(site);
      const videos = photos.discriminator(
        `Video${photos.modelName}`,
        new mongoose.Schema({ poster: String }),
      );
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
      expect(site.commands.map(({ name, collection }) => [name, collection])).toEqual([
        ['insert', 'syncmedia_captures'],
        ['insert', photos.collection.collectionName],
      ]);
      expect(await savers()).toEqual(documents.map(({ _id }) => String(_id)).sort());
    });

    test('captures names that later hooks set, and names that a document loses', async () => {
      const photos = await compilePhotos(site, propagate, {
        prepare: (schema) => {
          schema.pre('save', function () {
            if (!this.isNew) this.set('second', b);
          });
        },
      });
      const document = await photos.create({ file: a, second: c });
      await site.reset();
      document.set('file', d);
      await photos.bulkSave([document]);
      expect([await touched(), await left()]).toEqual([
        [b, d],
        [a, c],
      ]);
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
      await expect(
        photos.bulkSave([new photos({ file: a }), new photos({ file: b, slug: 'x' })], {
          ordered: false,
        }),
      ).rejects.toMatchObject({ code: 11000 });
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

    test('of deletes alone requests no rescan', async () => {
      const photos = await compilePhotos(site, propagate);
      await photos.create([{ file: a }, { file: b }]);
      await site.reset();
      await photos.bulkWrite([{ deleteMany: { filter: {} } }]);
      expect([await left(), (await site.captures()).flatMap(({ rescan }) => rescan)]).toEqual([
        [a, b],
        [],
      ]);
    });

    test('casts filters without changing those of the app', async () => {
      let seen: unknown;
      const photos = await compilePhotos(site, propagate, {
        prepare: (schema) => {
          // Mongoose 8 calls it with `next` first.
          schema.pre('bulkWrite', async function (first: unknown, second?: unknown) {
            seen = structuredClone(typeof first === 'function' ? second : first);
            return Promise.resolve();
          } as never);
        },
      });
      const photo = await photos.create({ file: a });
      await site.reset();
      const writes = () => [
        { updateOne: { filter: { _id: String(photo._id) }, update: { file: b } } },
      ];
      await photos.bulkWrite(writes());
      expect([await touched(), await left(), seen]).toEqual([[b], [a], writes()]);
    });

    test('upserts, many at once', async () => {
      const photos = await compilePhotos(site);
      const { upsertedIds } = await photos.bulkWrite(
        [a, b, c].map((file) => ({
          updateOne: { filter: { file }, update: { title: 'x' }, upsert: true },
        })),
      );
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
      const [good, bad] = [
        { insertOne: { document: { file: a } } },
        { insertOne: { document: { file: b, slug: 'x' } } },
      ];
      await site.reset();
      await expect(photos.bulkWrite([bad, good])).rejects.toMatchObject({ code: 11000 });
      expect(await site.captures()).toEqual([]);
      await expect(photos.bulkWrite([good, bad])).rejects.toMatchObject({ code: 11000 });
      expect(await touched()).toEqual([a, b]);
      expect(site.handedOver).toHaveLength(1);
    });

    test('Mongoose refuses the same input as without the plugin', async () => {
      const photos = await compilePhotos(site);
      const bare = site.connection.model(
        `Bare${photos.modelName}`,
        new mongoose.Schema({ file: String }),
      );
      for (const given of [
        [{ nonsense: {} }],
        [null],
        [{ updateOne: { filter: { file: a } } }],
        'x',
      ]) {
        const expected: unknown = await bare
          .bulkWrite(given as never)
          .catch((error: unknown) => (error as Error).message);
        await expect(photos.bulkWrite(given as never)).rejects.toThrow(expected);
      }
    });
  });

  test("the app's hooks run once", async () => {
    const ran: string[] = [];
    const note = (name: string) => async () => {
      ran.push(name);
      return Promise.resolve();
    };
    const photos = await compilePhotos(
      site,
      {},
      {
        before: (schema) => {
          schema.pre('insertMany', note('pre insertMany') as never);
          schema.post('bulkWrite', note('post bulkWrite') as never);
        },
        prepare: (schema) => {
          schema.post('insertMany', note('post insertMany') as never);
          schema.pre('bulkWrite', note('pre bulkWrite') as never);
        },
      },
    );
    await photos.insertMany([{ file: a }]);
    await photos.bulkWrite([{ insertOne: { document: { file: b } } }]);
    expect(ran).toEqual(['pre insertMany', 'post insertMany', 'pre bulkWrite', 'post bulkWrite']);
    expect(await touched()).toEqual([a, b]);
  });

  test.each(['initialised', 'not initialised'])(
    'a static of that name that the schema has is called with all it is given, on a machine that is %s',
    async (machine) => {
      const before = site.capturing;
      if (machine === 'not initialised') site.capturing = undefined;
      try {
        const calls: unknown[] = [];
        const photos = await compilePhotos(
          site,
          {},
          {
            before: (schema) => {
              for (const name of ['insertMany', 'bulkWrite', 'bulkSave'])
                schema.static(name, function (this: unknown, ...args: unknown[]) {
                  calls.push([this, ...args]);
                  return name;
                });
            },
          },
        );
        for (const name of ['insertMany', 'bulkWrite', 'bulkSave'] as const) {
          const call = photos[name] as unknown as (...args: unknown[]) => unknown;
          expect(call.call(photos, [{ file: b }], { ordered: false }, 'third')).toBe(name);
        }
        expect(calls).toEqual(
          Array.from({ length: 3 }, () => [photos, [{ file: b }], { ordered: false }, 'third']),
        );
      } finally {
        site.capturing = before;
      }
    },
  );

  test('captures the writes that a static of that name makes through Mongoose', async () => {
    const photos = await compilePhotos(
      site,
      {},
      {
        before: (schema) => {
          for (const name of ['insertMany', 'bulkWrite', 'bulkSave'] as const) {
            schema.static(name, async function (this: unknown, ...args: unknown[]) {
              return (
                mongoose.Model[name] as unknown as (...given: unknown[]) => Promise<unknown>
              ).apply(this, args);
            });
          }
        },
      },
    );
    await photos.insertMany([{ file: a }]);
    await photos.bulkWrite([{ insertOne: { document: { file: b } } }]);
    expect(await touched()).toEqual([a, b]);
    await photos.bulkSave([new photos({ file: c })]);
    expect([...new Set(await touched())]).toEqual([a, b, c]);
  });

  test('a bulkWrite that a hook makes during a bulkSave is captured by itself', async () => {
    const photos = await compilePhotos(
      site,
      {},
      {
        prepare: (schema) => {
          schema.pre('save', async function () {
            await photos.bulkWrite([{ insertOne: { document: { file: b } } }]);
          });
        },
      },
    );
    await photos.bulkSave([new photos({ file: a })]);
    expect(await touched()).toEqual([a, b]);
  });

  test('a model that is moved to another connection is captured there', async () => {
    const photos = await compilePhotos(site);
    if (!('useConnection' in photos)) return;
    const other = await site.connect();
    (photos as unknown as { useConnection(connection: unknown): void }).useConnection(other);
    await photos.insertMany([{ file: a }]);
    await photos.create({ file: b });
    await photos.updateOne({ file: a }, { file: c });
    expect([...new Set(await touched())]).toEqual([a, b, c]);
  });

  test('a model that is derived from another one for a collection of its own is captured there, and the first one where it is', async () => {
    const first = await compilePhotos(
      site,
      {},
      {
        before: (schema: Schema) => {
          schema.plugin(createPlugin(site.deps), { syncDirs: 'uploads/photos' });
        },
      },
    );
    const second = site.connection.model(
      first.modelName,
      undefined,
      'tenant',
    ) as unknown as typeof first;
    expect([first.collection.collectionName, second.collection.collectionName]).toEqual([
      expect.stringMatching(/^photo/),
      'tenant',
    ]);
    await second.init();
    for (const model of [first, second]) {
      await site.reset();
      await model.insertMany([{ file: a }]);
      await model.bulkSave([new model({ file: b })]);
      await model.create({ file: c });
      await model.bulkWrite([{ insertOne: { document: { file: d } } }]);
      expect(await model.countDocuments()).toBe(4);
      // By each of the two instances.
      expect(await touched()).toEqual([a, a, b, b, c, c, d, d]);
    }
  });

  test('a collection requested before its connection was ready is the collection of the open connection', async () => {
    const own = new mongoose.Mongoose();
    const connection = own.createConnection();
    const schema = new own.Schema(
      { file: String },
      { bufferCommands: false, autoCreate: false, autoIndex: false },
    ) as Schema;
    schema.plugin(site.plugin, { syncDirs: 'uploads/photos' });
    const photos = connection.model('Early', schema);
    await connection.openUri(site.database.uri);
    try {
      // As for a collection that is made while the servers cannot be reached.
      (photos.collection as unknown as { collection: unknown }).collection = null;
      await photos.find();
      await photos.bulkWrite([{ insertOne: { document: { file: a } } }]);
      await connection.close();
      await connection.openUri(site.database.uri);
      expect(await photos.find()).toHaveLength(1);
      await photos.insertMany([{ file: b }]);
      expect([...new Set(await touched())]).toEqual([a, b]);
    } finally {
      await connection.close();
    }
  });

  test('an error after the write leaves documents as written: Mongoose must not have them inserted again', async () => {
    const photos = await compilePhotos(site, { copies: 2 });
    const before = site.capturing!;
    site.capturing = {
      ...before,
      awaitCopies: () => Promise.reject(new Error('too few copies')),
    };
    try {
      const given = [new photos({ file: a }), new photos({ file: b })];
      await expect(photos.insertMany(given)).rejects.toMatchObject({
        message: 'too few copies',
        insertedDocs: given,
      });
      expect(given.map(({ isNew }) => isNew)).toEqual([false, false]);
      const saved = new photos({ file: c });
      await expect(photos.bulkSave([saved])).rejects.toThrow('too few copies');
      const last = new photos({ file: d });
      await expect(last.save()).rejects.toThrow('too few copies');
      expect([saved.isNew, last.isNew, await photos.countDocuments()]).toEqual([false, false, 4]);
    } finally {
      site.capturing = before;
    }
  });

  test('two instances capture one schema independently', async () => {
    const photos = await compilePhotos(
      site,
      {},
      {
        before: (schema: Schema) => {
          schema.plugin(createPlugin(site.deps), { syncDirs: 'uploads/photos' });
        },
      },
    );
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
