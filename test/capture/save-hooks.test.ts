import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model, Schema } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Outbox } from '../../src/capture/outbox.js';
import type { PluginOptions } from '../../src/config/config.js';
import { makeSite, mongooses, type Site } from './site.js';
import { makeRowReader } from '../harness/row-reader.js';

const photoOptions: PluginOptions = { syncDirs: 'uploads/photos', exclude: '*.tmp' };

describe.each(mongooses)('saves on %s', (_name, mongoose) => {
  let site: Site;
  let count = 0;
  beforeAll(async () => {
    site = await makeSite(mongoose);
    await site.write('uploads/photos/a.jpg');
    await site.write('uploads/photos/b c.jpg');
    await site.write('uploads/photos/x.tmp');
    await site.write('docs/terms.pdf');
  });
  afterAll(() => site.close());
  beforeEach(() => site.reset());

  /** A plugged model of its own for each test, with its collection and indexes made. */
  async function compile(
    definition: Record<string, unknown>,
    options = photoOptions,
    prepare: (schema: Schema) => void = () => undefined,
  ): Promise<Model<Record<string, unknown>>> {
    const schema = new mongoose.Schema(definition) as Schema;
    schema.plugin(site.plugin, options);
    prepare(schema);
    const model = site.connection.model<Record<string, unknown>>(
      `Photo${String(++count)}`,
      schema as never,
    );
    await model.init();
    site.commands.length = 0;
    return model;
  }

  test('a created document is captured in one insert, which is sent before it', async () => {
    const Photo = await compile({ file: String, title: String });
    const photo = await Photo.create({ file: 'uploads/photos/a.jpg', title: 'Sunrise' });
    const captures = await site.captures();
    const { id, dueAt } = captures[0]!;
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    expect(dueAt.getTime()).toBeGreaterThan(Date.now() + 20_000);
    expect(captures).toEqual([
      {
        id,
        host: 'host-a',
        dueAt,
        savedBy: { model: Photo.modelName, id: String(photo._id) },
        touched: ['uploads/photos/a.jpg'],
        unreferenced: [],
        rescan: [{ dir: 'uploads/photos', after: 30 }],
      },
    ]);
    expect(site.handedOver).toEqual(captures);
    const writes = site.commands.filter(({ name }) =>
      ['insert', 'update', 'delete', 'findAndModify'].includes(name),
    );
    expect(writes.map(({ name, collection }) => [name, collection])).toEqual([
      ['insert', 'syncmedia_captures'],
      ['insert', Photo.collection.collectionName],
    ]);
  });

  test('a loaded document is captured when it is saved, also when only its title changed', async () => {
    const Photo = await compile({ file: String, title: String });
    await Photo.create({ file: 'uploads/photos/a.jpg', title: 'Sunrise' });
    await site.reset();
    const photo = await Photo.findOne().orFail();
    photo.set('title', 'Sunset');
    await photo.save();
    expect(
      (await site.captures()).map(({ touched, unreferenced: left }) => ({
        touched,
        unreferenced: left,
      })),
    ).toEqual([{ touched: ['uploads/photos/a.jpg'], unreferenced: [] }]);
    expect(site.handedOver).toHaveLength(1);
  });

  test('arrays, maps, nested objects and subdocuments are walked', async () => {
    const { Schema } = mongoose;
    const Photo = await compile(
      {
        list: [String],
        nested: { deep: { file: String } },
        map: { type: Map, of: String },
        mixed: Schema.Types.Mixed,
        sub: new Schema({ file: String }),
        subs: [new Schema({ file: String })],
      },
      { syncDirs: ['uploads/photos', 'docs'] },
    );
    for (const name of ['list', 'nested', 'map', 'mixed', 'sub', 'subs'])
      await site.write(`docs/${name}.pdf`);
    await Photo.create({
      list: ['docs/list.pdf'],
      nested: { deep: { file: 'docs/nested.pdf' } },
      map: { one: 'docs/map.pdf' },
      mixed: [{ any: 'docs/mixed.pdf' }],
      sub: { file: 'docs/sub.pdf' },
      subs: [{ file: 'docs/subs.pdf' }],
    });
    const captures = await site.captures();
    expect(captures).toHaveLength(1);
    expect([...captures[0]!.touched].sort()).toEqual(
      ['list', 'map', 'mixed', 'nested', 'sub', 'subs'].map((name) => `docs/${name}.pdf`),
    );
    expect(captures[0]!.rescan).toEqual([
      { dir: 'uploads/photos', after: 30 },
      { dir: 'docs', after: 30 },
    ]);
  });

  test('a plugged schema is captured as a model, not as a subdocument', async () => {
    const child = new mongoose.Schema({ file: String }) as Schema;
    child.plugin(site.plugin, photoOptions);
    const Parent = site.connection.model(
      `Parent${String(++count)}`,
      new mongoose.Schema({ one: child, many: [child] }),
    );
    await Parent.init();
    await Parent.create({
      one: { file: 'uploads/photos/a.jpg' },
      many: [{ file: 'uploads/photos/a.jpg' }],
    });
    expect(await site.captures()).toEqual([]);
    const Child = site.connection.model(`Child${String(++count)}`, child);
    await Child.init();
    await Child.create({ file: 'uploads/photos/a.jpg' });
    expect(await site.captures()).toHaveLength(1);
  });

  test('getters, virtuals and transforms neither hide nor invent paths', async () => {
    const Photo = await compile(
      { file: { type: String, get: () => 'hidden' } },
      photoOptions,
      (schema) => {
        schema.virtual('invented').get(() => 'uploads/photos/b c.jpg');
        schema.set('toObject', { virtuals: true, getters: true, transform: () => ({}) });
      },
    );
    await Photo.create({ file: 'a.jpg' });
    expect((await site.captures())[0]!.touched).toEqual(['uploads/photos/a.jpg']);
  });

  test('a document that names no file makes a rescan due at once', async () => {
    const Photo = await compile({ title: String });
    await Photo.create({ title: 'no file' });
    expect(await site.captures()).toMatchObject([
      { touched: [], unreferenced: [], rescan: [{ dir: 'uploads/photos', after: 0 }] },
    ]);
  });

  test('without rescans, a document that names no file writes nothing', async () => {
    const Photo = await compile({ file: String }, { ...photoOptions, rescan: false });
    await Photo.create({ file: 'nothing here' });
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
    await Photo.create({ file: 'a.jpg' });
    expect(await site.captures()).toMatchObject([
      { touched: ['uploads/photos/a.jpg'], rescan: [] },
    ]);
  });

  test('values that a later hook sets are captured too', async () => {
    const Photo = await compile({ file: String, thumbnail: String }, photoOptions, (schema) => {
      schema.pre('save', async function () {
        await site.write('uploads/photos/thumb.jpg');
        this.set('thumbnail', 'uploads/photos/thumb.jpg');
      });
    });
    await Photo.create({ file: 'uploads/photos/a.jpg' });
    expect((await site.captures()).map(({ touched, rescan }) => ({ touched, rescan }))).toEqual([
      {
        touched: ['uploads/photos/a.jpg', 'uploads/photos/thumb.jpg'],
        rescan: [{ dir: 'uploads/photos', after: 30 }],
      },
    ]);
    expect(site.handedOver.map(({ touched }) => touched)).toEqual([
      ['uploads/photos/a.jpg', 'uploads/photos/thumb.jpg'],
    ]);
  });

  test('a document that fails validation leaves nothing', async () => {
    const Photo = await compile({ file: String, title: { type: String, required: true } });
    await expect(Photo.create({ file: 'a.jpg' })).rejects.toMatchObject({
      name: 'ValidationError',
    });
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });

  test('a duplicate key withdraws the capture', async () => {
    const Photo = await compile({ file: String, slug: { type: String, unique: true } });
    await Photo.create({ file: 'a.jpg', slug: 'x' });
    await site.reset();
    await expect(Photo.create({ file: 'a.jpg', slug: 'x' })).rejects.toMatchObject({ code: 11000 });
    expect(
      site.commands
        .filter(({ collection }) => collection === 'syncmedia_captures')
        .map(({ name }) => name),
    ).toEqual(['insert', 'delete']);
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });

  test('version conflicts and vanished documents withdraw the capture', async () => {
    const Photo = await compile({ file: String, tags: [String] });
    await Photo.create({ file: 'a.jpg', tags: ['a', 'b'] });
    const [one, other] = [await Photo.findOne().orFail(), await Photo.findOne().orFail()];
    one.set('tags', ['c']);
    await one.save();
    await site.reset();
    other.set('tags.1', 'd');
    other.markModified('tags');
    await expect(other.save()).rejects.toMatchObject({ name: 'VersionError' });
    expect(await site.captures()).toEqual([]);
    await Photo.deleteMany({});
    one.set('file', 'b c.jpg');
    await expect(one.save()).rejects.toMatchObject({ name: 'DocumentNotFoundError' });
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });

  test('a hook that throws before the write leaves nothing', async () => {
    const Photo = await compile({ file: String }, photoOptions, (schema) => {
      schema.pre('save', () => {
        throw new Error('not today');
      });
    });
    await expect(Photo.create({ file: 'a.jpg' })).rejects.toThrow('not today');
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });

  test('a hook that throws after the write keeps the capture, wherever it was registered', async () => {
    const late = await compile({ file: String }, photoOptions, (schema) => {
      schema.post('save', () => {
        throw new Error('late');
      });
    });
    await expect(late.create({ file: 'a.jpg' })).rejects.toThrow('late');
    expect(await site.captures()).toHaveLength(1);
    expect(site.handedOver).toHaveLength(1);
    await site.reset();

    const schema = new mongoose.Schema({ file: String }) as Schema;
    schema.post('save', () => {
      throw Object.assign(new Error('an audit row exists'), { code: 11000 });
    });
    schema.plugin(site.plugin, photoOptions);
    const early = site.connection.model(`Photo${String(++count)}`, schema);
    await early.init();
    await expect(early.create({ file: 'a.jpg' })).rejects.toThrow('an audit row exists');
    expect(await early.countDocuments()).toBe(1);
    expect(await site.captures()).toHaveLength(1);
  });

  test('a write with an unknown result keeps the capture, whatever an error handler makes of it', async () => {
    const connection = await site.connect();
    const schema = new mongoose.Schema({ file: String }) as Schema;
    schema.post('save', { errorHandler: true }, () => {
      throw new Error('please try again');
    });
    schema.plugin(site.plugin, photoOptions);
    const Photo = connection.model(`Photo${String(++count)}`, schema);
    await Photo.init();
    await site.reset();
    const photo = new Photo({ file: 'a.jpg' });
    await connection.close();
    await expect(photo.save()).rejects.toThrow('please try again');
    // The outbox is on another connection, which is open.
    expect(await site.captures()).toHaveLength(1);
    expect(site.handedOver).toEqual([]);
  });

  test("a subdocument's hook that throws after the write keeps the capture", async () => {
    const sub = new mongoose.Schema({ file: String }) as Schema;
    sub.post('save', () => {
      throw new Error('late');
    });
    const Photo = await compile({ sub });
    await expect(Photo.create({ sub: { file: 'a.jpg' } })).rejects.toThrow('late');
    expect(await Photo.countDocuments()).toBe(1);
    expect(await site.captures()).toHaveLength(1);
  });

  test('bulkSave captures each document once', async () => {
    const Photo = await compile({ file: String });
    await Photo.bulkSave([new Photo({ file: 'a.jpg' }), new Photo({ file: 'b c.jpg' })]);
    expect((await site.captures()).flatMap(({ touched }) => touched).sort()).toEqual([
      'uploads/photos/a.jpg',
      'uploads/photos/b c.jpg',
    ]);
    expect(site.handedOver).toHaveLength(2);
  });

  test('more strings than can be examined make a rescan due at once, and are reported if there is none', async () => {
    const files = Array.from({ length: 1_001 }, () => 'a.jpg');
    const withRescan = await compile({ files: [String] });
    await withRescan.create({ files });
    expect(await site.captures()).toMatchObject([
      { touched: ['uploads/photos/a.jpg'], rescan: [{ after: 0 }] },
    ]);
    expect(site.warnings).toEqual([]);
    const withoutRescan = await compile({ files: [String] }, { ...photoOptions, rescan: false });
    await withoutRescan.create({ files });
    expect(site.warnings).toHaveLength(1);
    expect(site.warnings[0]).toContain('1,000');
  });

  test('a save whose capture cannot be stored rejects and writes no document', async () => {
    const Photo = await compile({ file: String });
    const closed = await site.connect();
    const before = site.capturing!;
    site.capturing = { ...before, outbox: new Outbox(closed, 'syncmedia_', makeRowReader(closed)) };
    await closed.close();
    try {
      await expect(Photo.create({ file: 'a.jpg' })).rejects.toThrow();
      expect(await Photo.countDocuments()).toBe(0);
    } finally {
      site.capturing = before;
    }
  });

  test('a failed save can be saved again', async () => {
    let refusing = true;
    const Photo = await compile({ file: String }, photoOptions, (schema) => {
      schema.pre('save', () => {
        if (refusing) throw new Error('not yet');
      });
    });
    const photo = new Photo({ file: 'a.jpg' });
    await expect(photo.save()).rejects.toThrow('not yet');
    refusing = false;
    await photo.save();
    expect(await site.captures()).toHaveLength(1);
    expect(site.handedOver).toHaveLength(1);
  });

  test('../../etc/passwd is silent by default, and named if `paths` returned it; the save succeeds', async () => {
    const silent = await compile({ file: String });
    await silent.create({ file: '../../etc/passwd' });
    expect(site.warnings).toEqual([]);
    expect((await site.captures())[0]).toMatchObject({ touched: [], unreferenced: [] });
    await site.reset();

    const asked = await compile({ file: String }, { ...photoOptions, paths: 'file' });
    await asked.create({ file: '../../etc/passwd' });
    expect((await site.captures())[0]).toMatchObject({ touched: [], unreferenced: [] });
    expect(site.warnings).toHaveLength(1);
    for (const part of [asked.modelName, 'file', '"../../etc/passwd"'])
      expect(site.warnings[0]).toContain(part);
    await site.reset();

    const computed = await compile(
      { file: String },
      { ...photoOptions, paths: () => ['../../etc/passwd', 'a.jpg'] },
    );
    await computed.create({});
    expect((await site.captures())[0]).toMatchObject({ touched: ['uploads/photos/a.jpg'] });
    expect(site.warnings).toHaveLength(1);
    expect(site.warnings[0]).toContain('paths()');
  });

  test('a symlink on the way is not followed', async () => {
    await symlink('/etc', join(site.rootPath, 'uploads/photos/linked')).catch(() => undefined);
    const Photo = await compile({ file: String }, { ...photoOptions, paths: 'file' });
    await Photo.create({ file: 'uploads/photos/linked/passwd' });
    expect((await site.captures())[0]).toMatchObject({ touched: [] });
    expect(site.warnings[0]).toContain('symlink');
  });

  test('`paths` names fields through arrays, and files that do not exist yet', async () => {
    const Photo = await compile(
      { title: String, gallery: [{ file: String, note: String }] },
      { ...photoOptions, paths: ['gallery.file'] },
    );
    await Photo.create({
      title: 'uploads/photos/a.jpg',
      gallery: [
        { file: 'uploads/photos/later.jpg', note: 'a.jpg' },
        { file: 'b%20c.jpg' },
        { file: 'soon.jpg' },
        {},
      ],
    });
    expect((await site.captures())[0]!.touched).toEqual([
      'uploads/photos/later.jpg',
      'uploads/photos/b c.jpg',
      'uploads/photos/soon.jpg',
    ]);
  });

  test('a `paths` function that throws or answers nonsense rejects the save by name', async () => {
    const throwing = await compile(
      { file: String },
      {
        ...photoOptions,
        paths: () => {
          throw new Error('boom');
        },
      },
    );
    await expect(throwing.create({})).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: `model ${throwing.modelName}: the function given as \`paths\` threw: boom`,
    });
    const nonsense = await compile(
      { file: String },
      { ...photoOptions, paths: (() => 'a.jpg') as unknown as () => string[] },
    );
    await expect(nonsense.create({})).rejects.toMatchObject({ code: 'BAD_OPTION' });
    expect(await throwing.countDocuments()).toBe(0);
    expect(await site.captures()).toEqual([]);
  });

  test('excluded files and those of other sync dirs are not captured', async () => {
    const Photo = await compile({ files: [String] });
    await Photo.create({ files: ['x.tmp', 'docs/terms.pdf', 'a.jpg'] });
    expect((await site.captures())[0]!.touched).toEqual(['uploads/photos/a.jpg']);
  });

  test('where deletes propagate, the names that a save removes are listed', async () => {
    const Photo = await compile(
      { file: String, title: String },
      { ...photoOptions, onDelete: 'propagate' },
    );
    await Photo.create({ file: 'uploads/photos/a.jpg', title: 'Sunrise' });
    await site.reset();
    const photo = await Photo.findOne().orFail();
    photo.set('file', 'uploads/photos/b c.jpg');
    await photo.save();
    expect(await site.captures()).toMatchObject([
      { touched: ['uploads/photos/b c.jpg'], unreferenced: ['uploads/photos/a.jpg'] },
    ]);
    await site.reset();
    photo.set('file', undefined);
    await photo.save();
    expect(await site.captures()).toMatchObject([
      { touched: [], unreferenced: ['uploads/photos/b c.jpg'] },
    ]);
    await site.reset();
    photo.set('title', 'Sunset');
    await photo.save();
    expect((await site.captures())[0]!.unreferenced).not.toContain('uploads/photos/b c.jpg');
  });

  test('lost names are found though fields were not selected, not loaded, or changed by another process', async () => {
    const Photo = await compile(
      { file: String, title: String, second: String },
      { ...photoOptions, onDelete: 'propagate', paths: ['file', 'second'] },
    );
    const left = async () => (await site.captures()).flatMap((capture) => capture.unreferenced);
    const { _id } = await Photo.create({ file: 'a.jpg', title: 'Sunrise', second: 'b c.jpg' });
    await site.reset();
    const partial = await Photo.findById(_id).select('title').orFail();
    partial.set('title', 'Sunset');
    await partial.save();
    expect(await left()).toEqual([]);
    partial.set('file', 'b c.jpg');
    await partial.save();
    expect(await left()).toEqual(['uploads/photos/a.jpg']);
    await site.reset();
    const outdated = await Photo.findById(_id).orFail();
    await Photo.collection.updateOne({ _id: _id as never }, { $set: { file: 'a.jpg' } });
    outdated.set('second', undefined);
    await outdated.save();
    expect(await left()).toEqual(['uploads/photos/b c.jpg']);
  });

  test('a name is lost if a `paths` function returns it no longer', async () => {
    const Photo = await compile(
      { number: Number },
      { ...photoOptions, onDelete: 'propagate', paths: ({ number }) => [`${String(number)}.jpg`] },
    );
    const photo = await Photo.create({ number: 1 });
    await site.reset();
    photo.set('number', 2);
    await photo.save();
    expect(await site.captures()).toMatchObject([
      { touched: ['uploads/photos/2.jpg'], unreferenced: ['uploads/photos/1.jpg'] },
    ]);
  });

  test('a name that a later hook replaces is lost too', async () => {
    const Photo = await compile(
      { file: String, thumbnail: String },
      { ...photoOptions, onDelete: 'propagate' },
      (schema) => {
        schema.pre('save', function () {
          this.set('thumbnail', `${String(this.get('file'))}.thumb`);
        });
      },
    );
    const photo = await Photo.create({ file: 'a.jpg' });
    await site.reset();
    photo.set('file', 'b c.jpg');
    await photo.save();
    expect((await site.captures()).flatMap(({ unreferenced: left }) => left)).toEqual([
      'uploads/photos/a.jpg',
      'uploads/photos/a.jpg.thumb',
    ]);
  });

  test('loading documents costs nothing, saving them without propagation no reading', async () => {
    const Photo = await compile({ file: String });
    await Photo.create({ file: 'a.jpg' });
    const photo = await Photo.findOne().orFail();
    await site.reset();
    photo.set('file', 'b c.jpg');
    await photo.save();
    expect(site.commands.map(({ name }) => name)).toEqual(['insert', 'update']);
  });

  test('where they do not, nothing is listed', async () => {
    const Photo = await compile({ file: String });
    await Photo.create({ file: 'a.jpg' });
    const photo = await Photo.findOne().orFail();
    await site.reset();
    photo.set('file', 'b c.jpg');
    await photo.save();
    expect((await site.captures())[0]!.unreferenced).toEqual([]);
  });

  test('a machine that was never initialised writes nothing', async () => {
    const Photo = await compile({ file: String });
    const before = site.capturing;
    site.capturing = undefined;
    try {
      await Photo.create({ file: 'a.jpg' });
      expect(site.commands.map(({ collection }) => collection)).toEqual([
        Photo.collection.collectionName,
      ]);
      expect(site.handedOver).toEqual([]);
    } finally {
      site.capturing = before;
    }
  });

  test('the capture is written in the session of the save', async () => {
    const Photo = await compile({ file: String });
    const session = await site.connection.startSession();
    await new Photo({ file: 'a.jpg' }).save({ session });
    await session.endSession();
    const inserts = site.commands.filter(({ name }) => name === 'insert');
    expect(inserts.map(({ collection }) => collection)).toEqual([
      'syncmedia_captures',
      Photo.collection.collectionName,
    ]);
    expect(inserts[0]!.command['lsid']).toEqual(inserts[1]!.command['lsid']);
    expect(site.handedOver).toHaveLength(1);
  });

  test("another client's session is not passed on", async () => {
    const Photo = await compile({ file: String });
    const before = site.capturing!;
    const elsewhere = await site.connect();
    site.capturing = {
      ...before,
      outbox: new Outbox(elsewhere, 'syncmedia_', makeRowReader(elsewhere)),
    };
    const own = await site.connection.startSession();
    try {
      await new Photo({ file: 'a.jpg' }).save({ session: own });
      expect(await site.captures()).toHaveLength(1);
    } finally {
      site.capturing = before;
      await own.endSession();
    }
  });
});
