import { afterAll, beforeAll, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import { RunStore, type RunRow } from '../../src/context/run-store.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeRowReader } from '../harness/row-reader.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

test('requested runs come before runs that another process left unfinished, each in the order of their requests', async () => {
  const rows = getNativeCollection<RunRow>(database.connection, 'runs');
  const store = new RunStore(() => rows, makeRowReader(database.connection));
  const ask = async (minute: number): Promise<string> => {
    const { id } = await store.request({
      kind: 'verify',
      at: 'me',
      dirs: [],
      hosts: [],
      dryRun: false,
      requestedBy: 'a test',
    });
    await rows.updateOne({ _id: id }, { $set: { requestedAt: new Date(2026, 1, 1, 1, minute) } });
    return id;
  };
  const [long, second, third] = [await ask(1), await ask(2), await ask(3)];
  expect((await store.claimNext('me'))?.id).toBe(long);
  // The process ended before it had carried the first one out.
  expect((await store.claimNext('me'))?.id).toBe(second);
  expect((await store.claimNext('me'))?.id).toBe(third);
  expect((await store.claimNext('me'))?.id).toBe(long);
});
