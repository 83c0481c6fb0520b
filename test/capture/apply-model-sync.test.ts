import type { Mongoose, Schema } from 'mongoose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyModelSync } from '../../src/capture/apply-model-sync.js';
import { hasErrorCode } from '../../src/model/errors.js';
import { makeSite, mongooses, type Site } from './site.js';

const modelSync = { Photo: { syncDirs: 'uploads/photos' } };

describe.each(mongooses)('modelSync on %s', (_name, mongoose) => {
  let site: Site;
  let own: Mongoose;
  beforeEach(async () => {
    site = await makeSite(mongoose);
    // Models that share a collection would make it at the same time.
    own = new mongoose.Mongoose({ autoCreate: false, autoIndex: false });
    await site.write('uploads/photos/a.jpg');
  });
  afterEach(async () => {
    await Promise.all(own.connections.map((connection) => connection.close()));
    await site.close();
  });

  const makeSchema = (): Schema => new own.Schema({ file: String }) as Schema;

  test('captures models that are compiled later, on any connection, by name', async () => {
    applyModelSync(own, modelSync, site.plugin, site.deps);
    await own.connect(site.database.uri);
    const second = await own.createConnection(site.database.uri).asPromise();
    const models = [
      own.model('Photo', makeSchema()),
      own.model('Other', makeSchema()),
      second.model('Photo', makeSchema()),
    ];
    await models[0]!.init();
    await models[1]!.init();
    expect(site.models.map(({ name, connection }) => [name, connection])).toEqual([
      ['Photo', own.connection],
      ['Photo', second],
    ]);
    expect(site.declared.map(({ where }) => where)).toEqual(['model Photo', 'model Photo']);
    for (const model of models) await model.create({ file: 'a.jpg' });
    expect((await site.captures()).map(({ savedBy }) => savedBy?.model)).toEqual([
      'Photo',
      'Photo',
    ]);
  });

  test('can be limited to one connection', async () => {
    const [told, other] = [
      await own.createConnection(site.database.uri).asPromise(),
      await own.createConnection(site.database.uri).asPromise(),
    ];
    applyModelSync(told, modelSync, site.plugin, site.deps);
    const models = [told.model('Photo', makeSchema()), other.model('Photo', makeSchema())];
    await models[0]!.init();
    for (const model of models) await model.create({ file: 'a.jpg' });
    expect(await site.captures()).toHaveLength(1);
    expect(site.models).toEqual([{ name: 'Photo', connection: told }]);
  });

  test('a discriminator is announced when it is compiled, even if its base is not captured', async () => {
    applyModelSync(own, { Video: { syncDirs: 'uploads/photos' } }, site.plugin, site.deps);
    await own.connect(site.database.uri);
    const Media = own.model('Media', makeSchema());
    const [Video, Sound] = [
      Media.discriminator('Video', makeSchema()),
      Media.discriminator('Sound', makeSchema()),
    ];
    expect(site.models).toEqual([{ name: 'Video', connection: own.connection }]);
    for (const model of [Media, Video, Sound]) await model.create({ file: 'a.jpg' });
    expect((await site.captures()).map(({ savedBy }) => savedBy?.model)).toEqual(['Video']);
    expect(site.models).toHaveLength(1);
  });

  test("a schema's own options win", async () => {
    applyModelSync(own, modelSync, site.plugin, site.deps);
    await own.connect(site.database.uri);
    const schema = makeSchema();
    schema.plugin(site.plugin, { syncDirs: 'uploads/photos', rescan: 7 });
    const Photo = own.model('Photo', schema);
    await Photo.init();
    await Photo.create({ file: 'a.jpg' });
    expect(await site.captures()).toMatchObject([{ rescan: [{ after: 7 }] }]);
  });

  test('refuses models that were compiled before, by name', () => {
    own.model('Photo', makeSchema());
    own.createConnection().model('Elsewhere', makeSchema());
    const attempt = (name: string) => {
      applyModelSync(own, { [name]: { syncDirs: 'a' } }, site.plugin, site.deps);
    };
    for (const name of ['Photo', 'Elsewhere']) {
      expect(() => {
        attempt(name);
      }).toThrow(`modelSync names ${name}`);
      expect(() => {
        attempt(name);
      }).toThrow(expect.objectContaining({ code: 'MODEL_ALREADY_COMPILED' }));
    }
    attempt('Later');
  });

  test('names the malformed entry, and asks nothing of models without an entry', () => {
    let error: unknown;
    try {
      applyModelSync(own, { Photo: { syncDirs: '/abs' } }, site.plugin, site.deps);
    } catch (thrown) {
      error = thrown;
    }
    expect(hasErrorCode(error, 'BAD_SYNC_DIR')).toBe(true);
    expect(String(error)).toContain('modelSync.Photo');
    const { plugins } = own as Mongoose & { readonly plugins: unknown[] };
    const before = plugins.length;
    applyModelSync(own, {}, site.plugin, site.deps);
    expect(plugins).toHaveLength(before);
  });
});
