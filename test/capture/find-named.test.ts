import type { Model } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { PluggedModel } from '../../src/capture/capturing.js';
import { findNamedPaths, isModelPlugged, type NamingModel } from '../../src/capture/find-named.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';
import type { PluginOptions } from '../../src/config/config.js';
import type { NamedPaths } from '../../src/model/capture.js';
import type { Path } from '../../src/model/path.js';
import { makeDir, makeSite, mongooses, type Site } from './site.js';

const dir = 'uploads/photos';

describe.each(mongooses)('%s', (_name, mongoose) => {
  let site: Site,
    count = 0;
  beforeAll(async () => {
    site = await makeSite(mongoose, [makeDir('uploads'), makeDir(dir)]);
  });
  afterAll(() => site.close());

  /** A model of its own, with its collection. */
  async function compile(
    definition: Record<string, unknown>,
    options: Partial<PluginOptions> = {},
    more: Record<string, unknown> = {},
  ): Promise<NamingModel> {
    const model = site.connection.model(
      `Named${String(++count)}`,
      new site.mongoose.Schema(definition, more),
    ) as unknown as PluggedModel;
    await model.init();
    return { model, options: resolvePluginOptions({ syncDirs: dir, ...options }, 'here') };
  }

  function find(
    models: readonly NamingModel[],
    names: readonly string[],
    signal = new AbortController().signal,
  ): Promise<NamedPaths> {
    return findNamedPaths(
      models,
      names.map((name) => (name.includes('/') ? name : `${dir}/${name}`) as Path),
      [site.rootPath, '/srv/other'],
      signal,
    );
  }

  /** Whether a document that was created with these values keeps the file. */
  async function keeps(
    naming: NamingModel,
    document: Record<string, unknown>,
    name = 'a.jpg',
  ): Promise<boolean> {
    await (naming.model as unknown as { create(document: unknown): Promise<unknown> }).create(
      document,
    );
    return (await find([naming], [name])).named.size === 1;
  }

  describe('a file stays if a document names it', () => {
    test('in an array of arrays', async () => {
      expect(
        await keeps(await compile({ gallery: [[String]] }), { gallery: [['x'], [`${dir}/a.jpg`]] }),
      ).toBe(true);
      expect(
        await keeps(await compile({ gallery: [[String]] }, { paths: 'gallery' }), {
          gallery: [['a.jpg']],
        }),
      ).toBe(true);
    });

    test('below a field of `paths` that holds objects', async () => {
      const definition = { gallery: [{ src: String, alt: String }], cover: { src: String } };
      expect(
        await keeps(await compile(definition, { paths: ['gallery'] }), {
          gallery: [{ src: 'a.jpg', alt: 'x' }],
        }),
      ).toBe(true);
      expect(
        await keeps(await compile(definition, { paths: ['cover'] }), { cover: { src: 'a.jpg' } }),
      ).toBe(true);
    });

    test.each([
      'x (1).jpg',
      'photo [1].jpg',
      '100% a.jpg',
      'a+b&c=d;e@f.jpg',
      'é 漢字 😀.jpg',
      "it's.jpg",
    ])('%s, percent-encoded in any way', async (name) => {
      const everything = [...Buffer.from(name)].map((byte) => `%${byte.toString(16)}`).join('');
      const forms = [
        encodeURI(name),
        encodeURIComponent(name),
        new URL(name, `https://cdn.example.com/${dir}/`).href,
        everything,
        everything.toUpperCase(),
        name.replaceAll(' ', '%20').replaceAll('(', '%28').replaceAll(')', '%29'),
      ];
      for (const paths of [undefined, ['file']]) {
        for (const file of forms)
          expect([
            file,
            await keeps(await compile({ file: String }, paths && { paths }), { file }, name),
          ]).toEqual([file, true]);
      }
    });

    test('by an absolute path of any host', async () => {
      expect(
        await keeps(await compile({ file: String }, { paths: 'file' }), {
          file: `/srv/other/${dir}/a.jpg`,
        }),
      ).toBe(true);
    });

    test('by a discriminator, which is read with its base', async () => {
      const base = await compile({ file: String }),
        name = `Child${String(count)}`;
      const child = (base.model as unknown as Model<unknown>).discriminator<{ more: string }>(
        name,
        new site.mongoose.Schema({ more: String }) as never,
      );
      await child.create({ more: `${dir}/a.jpg` });
      expect([...(await find([base], ['a.jpg'])).named]).toEqual([`${dir}/a.jpg`]);
      expect(
        [base.model.modelName, name, 'Another'].map((model) =>
          isModelPlugged([base], model, dir as Path),
        ),
      ).toEqual([true, true, false]);
      expect(isModelPlugged([base], name, 'uploads' as Path)).toBe(false);
    });

    test('by a model of an outer sync dir', async () => {
      const outer = await compile({ file: String }, { syncDirs: 'uploads', paths: 'file' });
      expect(await keeps(outer, { file: 'photos/a.jpg' })).toBe(true);
      expect(await keeps(outer, { file: '/uploads/photos/b.jpg' }, 'b.jpg')).toBe(true);
    });

    test('among many long names', async () => {
      const names = Array.from(
        { length: 60 },
        (_, index) => `${String(index).padStart(3, '0')} ${'é ('.repeat(57)}.jpg`,
      );
      const naming = await compile({ file: String }, { paths: 'file' });
      await keeps(naming, { file: names[42] });
      expect([...(await find([naming], names)).named]).toEqual([`${dir}/${String(names[42])}`]);
    });

    test.each<[string, unknown]>([
      ['in an object where the schema has a string', { src: 'a.jpg' }],
      ['in a list there', ['x', 'a.jpg']],
      ['in nested lists of objects', [[{ src: ['a.jpg'] }]]],
      ['as a symbol', new mongoose.mongo.BSONSymbol('a.jpg')],
    ])('as older code stored it: %s', async (_shape, file) => {
      for (const options of [{}, { paths: 'file' }]) {
        const naming = await compile({ file: String }, options);
        await naming.model.collection.insertOne({ file });
        expect((await find([naming], ['a.jpg'])).named.size).toBe(1);
      }
    });

    test('in a field that the schema does not have, or that is not selected', async () => {
      const naming = await compile({ file: { type: String, select: false } });
      await naming.model.collection.insertMany([{ older: 'a.jpg' }, { file: 'b.jpg' }] as never);
      expect((await find([naming], ['a.jpg', 'b.jpg'])).named.size).toBe(2);
    });

    test('beyond the strings and levels that an operation examines', async () => {
      const naming = await compile({ any: {} }, { paths: 'any' });
      let deep: unknown = 'a.jpg';
      for (let level = 0; level < 60; level++) deep = [deep];
      await naming.model.collection.insertMany([
        { any: deep },
        { any: [...Array.from({ length: 3_000 }, (_, index) => `x${String(index)}`), 'b.jpg'] },
      ] as never);
      expect((await find([naming], ['a.jpg', 'b.jpg', 'c.jpg'])).named.size).toBe(2);
    });

    test('in a string that is longer than a path, as percent escapes and a signature are', async () => {
      const name = '漢'.repeat(85),
        folder = `${name}/`.repeat(3);
      expect(
        await keeps(
          await compile({ file: String }),
          { file: `https://cdn/${dir}/${encodeURI(folder + name)}?signature=${'x'.repeat(500)}` },
          `${dir}/${folder}${name}`,
        ),
      ).toBe(true);
    });

    test('in a collection that compares without case', async () => {
      const naming = await compile(
        { file: String },
        { paths: 'file' },
        { collation: { locale: 'en', strength: 2 } },
      );
      expect(await keeps(naming, { file: 'a.jpg' })).toBe(true);
      expect((await find([naming], ['A.jpg'])).named.size).toBe(0);
    });
  });

  test('a file does not stay if documents only seem to name it', async () => {
    const naming = await compile({ file: String, title: String, more: {} }, { paths: ['file'] });
    for (const file of [
      'xa.jpg',
      'a.jpg.bak',
      'other/a.jpg',
      '../a.jpg',
      'a%252ejpg',
      'A.JPG',
      '%',
    ])
      expect(await keeps(naming, { file, title: 'a.jpg', more: { file: 'a.jpg' } })).toBe(false);
  });

  test('the server leaves out documents whose field cannot name the file, however many there are', async () => {
    const naming = await compile({ file: String }, { paths: 'file' });
    await naming.model.collection.insertMany(
      Array.from({ length: 1_000 }, (_, index) => ({ file: `${dir}/${String(index)}.png` })),
    );
    await keeps(naming, { file: 'a.jpg' });
    await site.reset();
    expect((await find([naming], ['a.jpg', 'b.jpg'])).named.size).toBe(1);
    // One batch has them all.
    expect(site.commands.map(({ name }) => name)).toEqual(['find']);
  });

  test('where the server refuses to search, every document is read', async () => {
    const naming = await compile({ file: String }, { paths: 'file' });
    await naming.model.collection.insertMany([{ file: 'a.jpg' }, { file: 'x' }] as never);
    const database = naming.model.db.db!,
      collection = database.collection(naming.model.collection.collectionName);
    const finding = vi.spyOn(collection, 'find').mockImplementationOnce(() => {
      throw new Error('not allowed in an encrypted field');
    });
    const opening = vi.spyOn(database, 'collection').mockReturnValue(collection);
    expect((await find([naming], ['a.jpg'])).named.size).toBe(1);
    expect(finding).toHaveBeenCalledTimes(2);
    opening.mockRestore();
    finding.mockRestore();
  });

  test('where a `paths` function fails at a document, the files it might name stay undecided, and the document is reported', async () => {
    const broken = await compile(
      { gallery: [String] },
      { paths: (document) => (document['gallery'] as string[]).map((file) => file) },
    );
    await broken.model.collection.insertOne({ _id: 'old' as never });
    const { named, undetermined } = await find([broken], ['a.jpg', 'uploads/b.jpg']);
    expect([named.size, [...undetermined.keys()]]).toEqual([0, [`${dir}/a.jpg`]]);
    expect(undetermined.get(`${dir}/a.jpg` as Path)).toMatch(/threw.*document old/);
  });

  test('an abort ends reading', async () => {
    const naming = await compile({ file: String }),
      ending = new AbortController();
    await keeps(naming, { file: 'x' });
    ending.abort();
    await expect(find([naming], ['a.jpg'], ending.signal)).rejects.toThrow(/abort/);
  });
});
