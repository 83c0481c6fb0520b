import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { join } from 'node:path';
import type { Connection, Model, Mongoose, Schema } from 'mongoose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import { writeState } from '../../src/state-dir/state.js';
import { KnownModels } from '../../src/context/known-models.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';
import { mongooses } from '../capture/site.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe.each(mongooses)('the models of an instance on %s', (_name, mongoose) => {
  let connection: Connection, models: KnownModels;
  const options = resolvePluginOptions({ syncDirs: 'uploads' }, 'a test');
  beforeEach(() => {
    connection = new mongoose.Mongoose().createConnection();
    models = new KnownModels();
  });
  afterEach(() => connection.close());

  const compile = (name: string, more: object = {}): Model<unknown> =>
    connection.model(
      name,
      new mongoose.Schema({ file: String }, { autoCreate: false, autoIndex: false }) as Schema,
      `${name}s`,
      more,
    ) as unknown as Model<unknown>;
  const names = (): string[] => models.naming.map(({ model }) => model.modelName);

  test('a deleted model is no longer known, by name or pattern, and one compiled afterwards is', () => {
    for (const name of ['Photo', 'Paper', 'Video']) models.add({ model: compile(name), options });
    connection.deleteModel('Video');
    expect([names(), models.names]).toEqual([
      ['Photo', 'Paper'],
      ['Photo', 'Paper'],
    ]);
    connection.deleteModel(/^P/);
    expect([names(), models.findModel('Photo')]).toEqual([[], undefined]);
    const again = compile('Photo');
    models.add({ model: again, options });
    expect(models.findModel('Photo')?.model).toBe(again);
  });

  test('a model of the same name replaces another one if both read the same documents with the same options', () => {
    const first = compile('Photo');
    models.add({ model: first, options });
    const second = compile('Photo', { overwriteModels: true });
    models.add({ model: second, options });
    expect(models.naming.map(({ model }) => model)).toEqual([second]);
    const others = resolvePluginOptions({ syncDirs: 'uploads', paths: 'file' }, 'a test');
    models.add({ model: compile('Photo', { overwriteModels: true }), options: others });
    expect(models.naming.map((known) => known.options)).toEqual([options, others]);
  });

  test('a model that its connection does not list stays known', () => {
    const hidden = compile('Hidden', { cache: false });
    models.add({ model: hidden, options });
    models.add({ model: compile('Photo'), options });
    connection.deleteModel('Photo');
    expect(names()).toEqual(['Hidden']);
  });

  test('the list is the same one for ever, and no connection is listened to after the end', () => {
    const { naming } = models;
    models.add({ model: compile('Photo'), options });
    expect(naming).toBe(models.naming);
    expect(connection.listenerCount('deleteModel')).toBe(1);
    models.close();
    expect(connection.listenerCount('deleteModel')).toBe(0);
  });
});

describe.each(mongooses)('models that the application deletes on %s', (_name, mongoose) => {
  let dir: TestDir, own: Mongoose, sync: SyncMediaInstance;
  beforeEach(async () => {
    dir = await makeTestDir();
  });
  afterEach(async () => {
    await sync.close();
    await own.disconnect();
    await dir.remove();
  });

  const begin = (): void => {
    own = new mongoose.Mongoose();
    sync = createSyncMedia({ connection: own.connection, stateDir: join(dir.path, 'state') });
  };
  const compile = (name: string): Model<unknown> => {
    const schema = new own.Schema(
      { file: String },
      { autoCreate: false, autoIndex: false },
    ) as Schema;
    schema.plugin(sync.plugin, { syncDirs: 'uploads' });
    return own.model(name, schema) as unknown as Model<unknown>;
  };
  const initialise = (): Promise<void> =>
    writeState(join(dir.path, 'state'), {
      format: 1,
      id: 'host-a',
      hostname: 'a',
      root: dir.path,
      syncDirs: [],
      database: { name: 'x', id: 'y' },
      identityFile: '/x',
      authorizedKeysFile: '/y',
      createdAt: new Date().toISOString(),
    });

  test.each([
    ['a machine that was never initialised', false],
    ['a host', true],
  ])('are released on %s', async (_where, initialised) => {
    if (initialised) await initialise();
    begin();
    expect(sync.initialised).toBe(initialised);
    const kept = new WeakRef(compile('Kept'));
    const deleted: WeakRef<object>[] = [];
    for (let count = 0; count < 50; count++) {
      deleted.push(new WeakRef(compile('Photo')));
      own.deleteModel('Photo');
    }
    await until(() => {
      collectGarbage();
      return deleted.every((one) => one.deref() === undefined);
    });
    expect(kept.deref()).toBeDefined();
  });
});
