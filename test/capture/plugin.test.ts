import type { Schema } from 'mongoose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPlugin } from '../../src/capture/plugin.js';
import { SyncMediaError } from '../../src/model/errors.js';
import type { PluginOptions } from '../../src/config/config.js';
import { makeDir, makeSite, mongooses, type Site } from './site.js';

const options: PluginOptions = { syncDirs: 'uploads/photos' };

describe.each(mongooses)('the plugin on %s', (_name, mongoose) => {
  let site: Site;
  beforeEach(async () => {
    site = await makeSite(mongoose);
    await site.write('uploads/photos/a.jpg');
  });
  afterEach(() => site.close());

  const makeSchema = (definition: Record<string, unknown> = { file: String }): Schema =>
    new mongoose.Schema(definition) as Schema;

  test('announces a model when it is compiled, and the sync dirs it declares', async () => {
    const schema = makeSchema();
    schema.plugin(site.plugin, {
      syncDirs: ['uploads/photos/', 'docs'],
      exclude: '*.tmp',
      conflict: 'keep',
    });
    expect(site.models).toEqual([]);
    const Photo = site.connection.model('Photo', schema);
    await Photo.init();
    expect(site.models).toEqual([{ name: 'Photo', connection: site.connection }]);
    const rules = { exclude: ['*.tmp'], conflict: 'keep' } as const;
    expect(site.declared).toEqual([
      { dirs: [makeDir('uploads/photos', rules), makeDir('docs', rules)], where: 'model Photo' },
    ]);
  });

  test('refuses unknown options where the plugin is registered', () => {
    expect(() =>
      makeSchema().plugin(site.plugin, { ...options, exlude: 'x' } as PluginOptions),
    ).toThrow('"exlude" (did you mean "exclude"?)');
    expect(() => makeSchema().plugin(site.plugin)).toThrow('options are missing');
    expect(() => makeSchema().plugin(site.plugin, { syncDirs: '../up' })).toThrow('"../up"');
  });

  test('counts once on a schema, with its first options', async () => {
    const schema = makeSchema();
    schema.plugin(site.plugin, options);
    schema.plugin(site.plugin, { ...options, rescan: 5 });
    const Photo = site.connection.model('Photo', schema);
    await Photo.init();
    await Photo.create({ file: 'a.jpg' });
    expect(await site.captures()).toMatchObject([
      { rescan: [{ dir: 'uploads/photos', after: 30 }] },
    ]);
  });

  test('counts once where it is global too, leaves our own models alone and works on clones', async () => {
    const own = new mongoose.Mongoose({ cloneSchemas: true });
    own.plugin(site.plugin as (schema: Schema) => void, options);
    const connection = own.createConnection(site.database.uri);
    await connection.asPromise();
    try {
      const schema = new own.Schema({
        file: String,
        sub: new own.Schema({ file: String }),
      }) as Schema;
      schema.plugin(site.plugin, options);
      const Photo = connection.model('Photo', schema);
      const Global = connection.model('Global', new own.Schema({ file: String }));
      const Host = connection.model('Host', new own.Schema({ file: String }), 'syncmedia_hosts');
      await Promise.all([Photo.init(), Global.init(), Host.init()]);
      expect(site.models.map(({ name }) => name).sort()).toEqual(['Global', 'Photo']);
      await Host.create({ file: 'a.jpg' });
      await Photo.create({ file: 'a.jpg', sub: { file: 'a.jpg' } });
      await Global.create({ file: 'a.jpg' });
      expect((await site.captures()).map(({ savedBy }) => savedBy?.model).sort()).toEqual([
        'Global',
        'Photo',
      ]);
    } finally {
      await connection.close();
    }
  });

  test('captures discriminators by the options of their base', async () => {
    const schema = makeSchema();
    schema.plugin(site.plugin, options);
    const Media = site.connection.model('Media', schema);
    await Media.init();
    const Video = Media.discriminator('Video', makeSchema({ poster: String }));
    await Video.init();
    await Video.create({ poster: 'a.jpg' });
    expect(await site.captures()).toMatchObject([
      { savedBy: { model: 'Video' }, touched: ['uploads/photos/a.jpg'] },
    ]);
  });

  test('two instances capture one schema independently', async () => {
    const schema = makeSchema();
    schema.plugin(site.plugin, options);
    schema.plugin(createPlugin(site.deps), options);
    const Photo = site.connection.model('Photo', schema);
    await Photo.init();
    await Photo.create({ file: 'a.jpg' });
    expect(await site.captures()).toHaveLength(2);
  });

  test('a refusal of a second connection is thrown by the compilation, each time', async () => {
    let first: unknown;
    const plugin = createPlugin({
      ...site.deps,
      onModel: (model, connection) => {
        first ??= connection;
        if (first !== connection)
          throw new SyncMediaError(
            'TWO_CONNECTIONS',
            `${model.modelName} is on another connection`,
          );
      },
    });
    const other = await site.connect();
    const [one, two] = [makeSchema(), makeSchema()];
    one.plugin(plugin, options);
    two.plugin(plugin, options);
    await site.connection.model('Photo', one).init();
    expect(() => other.model('Second', two)).toThrow('Second is on another connection');
    expect(() => other.model('Second', two)).toThrow('Second is on another connection');
  });

  test('a driver whose collections have neither a name nor queues is left as it is', async () => {
    const own = new mongoose.Mongoose();
    const calls: string[] = [];
    class BareCollection {
      constructor(
        readonly called: string,
        readonly conn: unknown,
      ) {}
      insertOne(document: { file: string }): Promise<object> {
        return this.note('insertOne', document.file);
      }
      insertMany(documents: { file: string }[]): Promise<object> {
        return this.note('insertMany', String(documents.length));
      }
      updateOne(_filter: unknown, update: { $set: { file: string } }): Promise<object> {
        return this.note('updateOne', update.$set.file);
      }
      private note(method: string, what: string): Promise<object> {
        calls.push(`${this.called}.${method} ${what}`);
        return Promise.resolve({
          acknowledged: true,
          insertedId: 1,
          matchedCount: 1,
          modifiedCount: 1,
        });
      }
    }
    class BareConnection extends own.Connection {
      override collection(name: string): never {
        return new BareCollection(name, this) as never;
      }
    }
    own.setDriver({
      Connection: BareConnection,
      Collection: BareCollection,
      getConnection: () => BareConnection,
      plugins: [],
    });
    const schema = new own.Schema(
      { file: String },
      { autoCreate: false, autoIndex: false },
    ) as Schema;
    site.capturing = undefined;
    schema.plugin(site.plugin, options);
    const Photo = own.model('Photo', schema);
    const photo = await new Photo({ file: 'a.jpg' }).save();
    await photo.set('file', 'b.jpg').save();
    await Photo.insertMany([{ file: 'c.jpg' }]);
    await Photo.updateOne({ file: 'a.jpg' }, { file: 'd.jpg' });
    expect(calls).toEqual([
      'photos.insertOne a.jpg',
      'photos.updateOne b.jpg',
      'photos.insertMany 1',
      'photos.updateOne d.jpg',
    ]);
  });
});
