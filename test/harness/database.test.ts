import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase, uriOfDatabase } from './database.js';
import { listTree } from '../../scripts/processes.mjs';
import { until } from './wait.js';

describe('testDatabase', () => {
  let one: TestDatabase;
  let other: TestDatabase;
  beforeAll(async () => {
    [one, other] = await Promise.all([testDatabase(), testDatabase()]);
  });
  afterAll(async () => {
    await Promise.all([one.close(), other.close()]);
  });

  it('gives each caller a database of its own', async () => {
    await one.connection.collection('things').insertOne({ here: true });
    expect(await other.connection.collection('things').countDocuments()).toBe(0);
    const again = await one.connect();
    expect(await again.collection('things').countDocuments()).toBe(1);
  });

  it('answers a duplicate key with E11000', async () => {
    const collection = one.connection.collection('unique');
    await collection.createIndex({ n: 1 }, { unique: true });
    await collection.insertOne({ n: 1 });
    await expect(collection.insertOne({ n: 1 })).rejects.toMatchObject({ code: 11000 });
  });

  it('gives each of 60 parallel claims another row', async () => {
    const collection = one.connection.collection<{ _id: number; by?: number }>('claims');
    await collection.insertMany(Array.from({ length: 60 }, (_, _id) => ({ _id })));
    const claims = await Promise.all(
      Array.from({ length: 60 }, (_, by) =>
        collection.findOneAndUpdate({ by: { $exists: false } }, { $set: { by } }),
      ),
    );
    expect(new Set(claims.map((row) => row?._id)).size).toBe(60);
  });

  it('has transactions', async () => {
    const things = one.connection.collection<{ _id: string }>('transactions');
    await one.connection.transaction(async (session) => {
      await things.insertOne({ _id: 'committed' }, { session });
    });
    await expect(
      one.connection.transaction(async (session) => {
        await things.insertOne({ _id: 'aborted' }, { session });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await things.find().toArray()).toEqual([{ _id: 'committed' }]);
  });
});

describe('startDatabase', () => {
  it('leaves no server behind when its process is killed', async () => {
    const script = `
      import { startDatabase } from ${JSON.stringify(new URL('../../scripts/database.mjs', import.meta.url).href)};
      await startDatabase();
      console.log('started');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const pids = (await listTree([child.pid ?? 0])).map(({ pid }) => pid);
    child.kill('SIGKILL');
    await until(async () => (await listTree(pids)).length === 0, {
      timeout: 10_000,
      what: 'the end of the server',
    });
  });
});

describe('uriOfDatabase', () => {
  it.each([
    ['mongodb://127.0.0.1:27017/', 'mongodb://127.0.0.1:27017/x'],
    ['mongodb://a:1,b:2/?replicaSet=rs', 'mongodb://a:1,b:2/x?replicaSet=rs'],
    ['mongodb://a/app?replicaSet=rs', 'mongodb://a/x?replicaSet=rs'],
    ['mongodb+srv://user:secret@a/app', 'mongodb+srv://user:secret@a/x?authSource=app'],
    ['mongodb://user:secret@a/app?authSource=admin', 'mongodb://user:secret@a/x?authSource=admin'],
    ['mongodb://user:secret@a', 'mongodb://user:secret@a/x'],
  ])('%s', (uri, expected) => {
    expect(uriOfDatabase(uri, 'x')).toBe(expected);
  });

  it('refuses anything else', () => {
    expect(() => uriOfDatabase('postgres://a', 'x')).toThrow('not a MongoDB URI');
  });
});
