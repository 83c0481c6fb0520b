import { Types } from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countCaptures } from '../../src/metrics/count-captures.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const dueMs = 30_000;
const now = Date.now();
const makeId = (secondsAgo: number): string =>
  Types.ObjectId.createFromTime(Math.round(now / 1000) - secondsAgo).toHexString();
const dueAgo = (seconds: number): Date => new Date(now - seconds * 1000);

test('captures are counted by host, with the age of the oldest that is due', async () => {
  const { db } = database.connection;
  const captures = db!.collection<{ _id: string }>('captures');
  await captures.insertMany([
    // Nobody processes these.
    { _id: makeId(100), host: 'h1', dueAt: dueAgo(70) },
    { _id: makeId(40), host: 'h1', dueAt: dueAgo(10) },
    // A removed file that is checked again.
    { _id: makeId(500), host: 'h2', dueAt: dueAgo(-60) },
    // A request of another host to check a path.
    { _id: makeId(20), host: 'h3', dueAt: new Date(0) },
    { _id: 'no id of ours', host: 'h4', dueAt: new Date(0) },
    { _id: 'another', host: 5, dueAt: 'text' },
  ] as never);
  const counted = await countCaptures(captures as never, dueMs);
  const byHost = Object.fromEntries(counted.map((one) => [one.host, one]));
  expect(Object.keys(byHost).sort()).toEqual(['h1', 'h2', 'h3', 'h4']);
  expect(byHost['h1']?.captures).toBe(2);
  expect(byHost['h1']?.oldestSeconds).toBeGreaterThanOrEqual(99);
  expect(byHost['h1']?.oldestSeconds).toBeLessThan(130);
  expect(byHost['h2']?.oldestSeconds).toBe(0);
  expect(byHost['h3']?.oldestSeconds).toBeGreaterThanOrEqual(19);
  expect(byHost['h3']?.oldestSeconds).toBeLessThan(60);
  expect(byHost['h4']?.oldestSeconds).toBe(0);
});
