import { createRequire } from 'node:module';
import mongoose9, { type Mongoose } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createHostModel,
  decodeFieldName,
  encodeFieldName,
  ensureHostIndexes,
  getHostCollection,
  toHost,
  validateHostRow,
} from '../../src/hosts/host-model.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeRow } from './rows.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await getHostCollection(database.connection, 'p_').deleteMany({});
});

test('two hosts never have one hostname, or one url and port', async () => {
  const rows = getHostCollection(database.connection, 'p_');
  await ensureHostIndexes(rows);
  await ensureHostIndexes(rows);
  await rows.insertOne(makeRow('a'));
  await expect(rows.insertOne(makeRow('b', { hostname: 'name-a' }))).rejects.toMatchObject({
    code: 11000,
  });
  await expect(rows.insertOne(makeRow('b', { url: 'a.example.com' }))).rejects.toMatchObject({
    code: 11000,
  });
  await rows.insertOne(makeRow('b', { url: 'a.example.com', sshPort: 23 }));
});

test('a sync dir with any name is a field name', () => {
  for (const dir of ['uploads', 'a/b.c', '$x/..y', 'ü 100%/"', '.']) {
    expect(encodeFieldName(dir)).not.toMatch(/[.$]/);
    expect(decodeFieldName(encodeFieldName(dir))).toBe(dir);
  }
  expect(
    toHost(makeRow('a', { rescans: { [encodeFieldName('a/b.c')]: new Date(5) } })).rescans,
  ).toEqual({
    'a/b.c': new Date(5),
  });
});

const versions: [string, Mongoose][] = [
  ['9', mongoose9],
  ['8', createRequire(import.meta.url)('mongoose8') as Mongoose],
];
describe.each(versions)('on Mongoose %s', (_, mongoose) => {
  test('reads and validates stored rows, and is made once', async () => {
    const connection = await mongoose.createConnection(database.uri).asPromise();
    try {
      const Model = createHostModel(connection, 'p_');
      expect(createHostModel(connection, 'p_')).toBe(Model);
      expect(createHostModel(connection, 'q_')).not.toBe(Model);
      await getHostCollection(connection, 'p_').insertOne(
        makeRow('a', { deliveries: { b: { deliveredAt: new Date(7) } } }),
      );
      const found = await Model.findOne({ hostname: 'name-a' }).lean();
      expect(found).toEqual(makeRow('a', { deliveries: { b: { deliveredAt: new Date(7) } } }));
      await validateHostRow(Model, makeRow('a'));
      await expect(validateHostRow(Model, makeRow('a', { sshPort: 70_000 }))).rejects.toThrow(
        'sshPort',
      );
      await expect(
        validateHostRow(Model, makeRow('a', { status: 'odd' as 'paused' })),
      ).rejects.toThrow('status');
    } finally {
      await connection.close();
    }
  });

  test('no plugin of the whole app gets into it', async () => {
    const instance = new mongoose.Mongoose();
    const seen: string[] = [];
    instance.plugin((schema) => {
      seen.push(String(schema.get('collection')));
      schema.pre('save', () => {
        throw new Error('never');
      });
    });
    const connection = instance.createConnection();
    createHostModel(connection, 'p_');
    connection.model('Other', new instance.Schema({ a: String }, { collection: 'other' }));
    expect(seen).toEqual(['other']);
    await connection.close();
  });

  test('does not wait on a connection that was never opened', async () => {
    const connection = mongoose.createConnection();
    await expect(createHostModel(connection, 'p_').findOne().exec()).rejects.toThrow(
      /initial connection|bufferCommands/,
    );
    expect(() => getHostCollection(connection, 'p_')).toThrow(
      expect.objectContaining({ code: 'NO_CONNECTION' }),
    );
    await connection.close();
  });
});
