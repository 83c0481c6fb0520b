import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  requireSameDatabase,
  claimDatabaseId,
  getMetaCollection,
} from '../../src/database/database-id.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await getMetaCollection(database.connection, 'p_').deleteMany({});
});

const refused = (code: string, what: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(what) as string });
const claim = (): Promise<string> => claimDatabaseId(getMetaCollection(database.connection, 'p_'));

describe('the id of the database', () => {
  test('is made once, however many come at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, claim));
    expect(new Set(ids).size).toBe(1);
    expect(await claim()).toBe(ids[0]);
  });

  test('is that of the state folder, or both are named', async () => {
    const state = { database: { name: 'app', id: 'other' } };
    await expect(requireSameDatabase(database.connection, 'p_', state)).rejects.toThrow(
      refused('BAD_STATE', /"app" \(other\).*no host was ever registered/),
    );
    const id = await claim();
    await expect(requireSameDatabase(database.connection, 'p_', state)).rejects.toThrow(
      refused('BAD_STATE', new RegExp(`"app" \\(other\\).*"${database.name}" \\(${id}\\)`)),
    );
    await requireSameDatabase(database.connection, 'p_', { database: { name: 'renamed', id } });
  });

  test('of a newer format is not touched', async () => {
    await getMetaCollection(database.connection, 'p_').insertOne({
      _id: 'syncmedia',
      format: 2,
      databaseId: 'x',
    });
    await expect(claim()).rejects.toThrow(refused('FORMAT_TOO_NEW', /format 2/));
    await expect(
      requireSameDatabase(database.connection, 'p_', { database: { name: 'app', id: 'x' } }),
    ).rejects.toThrow(refused('FORMAT_TOO_NEW', /upgrade/));
  });
});
