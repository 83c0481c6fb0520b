import { writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection, Model, Mongoose, Schema } from 'mongoose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import { writeState } from '../../src/state-dir/state.js';
import { mongooses } from '../capture/site.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

interface Photo {
  file?: string;
}

describe.each(mongooses)('connections of one application on %s', (_name, mongoose) => {
  let dir: TestDir,
    database: TestDatabase,
    own: Mongoose,
    sync: SyncMediaInstance,
    warnings: string[];
  const connections: Connection[] = [];
  beforeEach(async () => {
    [dir, database] = await Promise.all([makeTestDir(), testDatabase()]);
    await mkdir(join(dir.path, 'uploads'));
    await writeFile(join(dir.path, 'uploads/a.jpg'), 'a');
    own = new mongoose.Mongoose();
    warnings = [];
  });
  afterEach(async () => {
    await sync.close();
    for (const connection of connections.splice(0)) await connection.close();
    await Promise.all([dir.remove(), database.close()]);
  });

  const begin = (options: { connection?: Connection } = {}): void => {
    const warn = (message: string): void => {
      warnings.push(message);
    };
    sync = createSyncMedia({
      ...options,
      stateDir: join(dir.path, 'state'),
      log: { info: () => undefined, warn, error: warn },
    });
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
  const connect = async (): Promise<Connection> => {
    const connection = own.createConnection(database.uri);
    connections.push(connection);
    return connection.asPromise();
  };
  const compile = (connection: Connection, name = 'Photo'): Model<Photo> => {
    const schema = new own.Schema({ file: String }) as unknown as Schema<Photo>;
    schema.plugin(sync.plugin as never, { syncDirs: 'uploads', rescan: false } as never);
    return connection.model<Photo>(name, schema);
  };
  /** Who saved what waits in the outbox, as another client sees it. */
  const captured = async (): Promise<unknown[]> => {
    const rows = await (
      await connect()
    )
      .db!.collection('syncmedia_captures')
      .find()
      .sort({ _id: 1 })
      .toArray();
    return rows.map((row) => (row['savedBy'] as { model: string }).model);
  };

  test('a machine that was never initialised minds neither connections one after the other nor several at once', async () => {
    begin();
    const first = await connect();
    await compile(first).create({ file: 'a.jpg' });
    await first.close();
    const second = await connect();
    await compile(second).create({ file: 'a.jpg' });
    await compile(await connect()).insertMany([{ file: 'a.jpg' }]);
    expect(await (await connect()).db!.collection('photos').countDocuments()).toBe(3);
    expect(await captured()).toEqual([]);
  });

  test('a host refuses a second connection as long as the first is open, naming both models', async () => {
    await initialise();
    begin();
    compile(await connect(), 'First');
    const second = await connect();
    expect(() => compile(second, 'Second')).toThrow(
      expect.objectContaining({
        code: 'TWO_CONNECTIONS',
        message: expect.stringMatching(/Second.*First/s) as string,
      }),
    );
  });

  test('a host captures on the next connection once the first is closed', async () => {
    await initialise();
    begin();
    const first = await connect();
    await compile(first, 'First').create({ file: 'a.jpg' });
    await first.close();
    const second = await connect(),
      Second = compile(second, 'Second');
    await Second.create({ file: 'a.jpg' });
    const session = await second.startSession();
    await session.withTransaction(async () => {
      await Second.create([{ file: 'a.jpg' }], { session });
    });
    await session.endSession();
    expect(await captured()).toEqual(['First', 'Second', 'Second']);
    const third = await connect();
    expect(() => compile(third, 'Third')).toThrow(
      expect.objectContaining({ code: 'TWO_CONNECTIONS' }),
    );
  });

  test('the connection that the instance was given gives way like any other', async () => {
    await initialise();
    const given = await connect();
    begin({ connection: given });
    const second = await connect();
    expect(() => compile(second)).toThrow(expect.objectContaining({ code: 'TWO_CONNECTIONS' }));
    await given.close();
    await compile(second, 'Second').create({ file: 'a.jpg' });
    expect(await captured()).toEqual(['Second']);
  });

  test('a connection that is closed and opened again counts again', async () => {
    await initialise();
    begin();
    const first = await connect(),
      First = compile(first, 'First');
    await first.close();
    await first.openUri(database.uri);
    await First.create({ file: 'a.jpg' });
    const second = await connect();
    expect(() => compile(second, 'Second')).toThrow(
      expect.objectContaining({ code: 'TWO_CONNECTIONS' }),
    );
    expect(await captured()).toEqual(['First']);
  });

  test('the closed connection is listened to no longer once another one has taken its place', async () => {
    await initialise();
    begin();
    const first = await connect(),
      plain = await connect();
    compile(first, 'First');
    await first.close();
    const second = await connect();
    compile(second, 'Second');
    expect(
      [first, second].map((one) => one.listenerCount('close') - plain.listenerCount('close')),
    ).toEqual([0, 1]);
    await sync.close();
    expect(second.listenerCount('close')).toBe(plain.listenerCount('close'));
    expect(warnings).toEqual([]);
  });
});
