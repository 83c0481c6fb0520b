import { expect, test } from 'vitest';
import { FetchQueue } from '../../src/runs/fetch-queue.js';
import type { Difference } from '../../src/model/change.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { requireSafePath } from '../../src/replica/paths.js';

const photos = { path: requireSafePath('uploads/photos') } as SyncDir,
  files = { path: requireSafePath('uploads/files') } as SyncDir;

function makeDifferences(dir: SyncDir, count: number): Difference[] {
  return Array.from({ length: count }, (_, n) => ({
    path: requireSafePath(`${dir.path}/${String(n)}.jpg`),
    there: { size: n, mtime: 1 },
  }));
}

test('batches are as large as what waits, up to their size, and of one sync dir each', async () => {
  const queue = new FetchQueue(100, 4);
  await queue.put(photos, makeDifferences(photos, 6));
  await queue.put(files, makeDifferences(files, 3));
  queue.end();
  const taken: string[] = [];
  for await (const { dir, differences } of queue.takeBatches())
    taken.push(`${dir.path} ${String(differences.length)}`);
  expect(taken).toEqual(['uploads/photos 4', 'uploads/photos 2', 'uploads/files 3']);
});

test('a full queue lets the comparison wait until a batch was taken', async () => {
  const queue = new FetchQueue(4, 4);
  await queue.put(photos, makeDifferences(photos, 5));
  let isAdded = false;
  const adding = queue.put(photos, makeDifferences(photos, 1)).then((added) => {
    isAdded = added;
  });
  await new Promise(setImmediate);
  expect(isAdded).toBe(false);
  const batches = queue.takeBatches();
  const first = await batches.next();
  expect(first.value?.differences).toHaveLength(4);
  await adding;
  expect(isAdded).toBe(true);
  queue.end();
  const second = await batches.next();
  expect(second.value?.differences).toHaveLength(2);
  expect((await batches.next()).done).toBe(true);
});

test('the fetching waits for differences, and ends with the comparison', async () => {
  const queue = new FetchQueue(4, 4);
  const batches = queue.takeBatches();
  const first = batches.next();
  await queue.put(photos, makeDifferences(photos, 1));
  expect((await first).value?.differences).toHaveLength(1);
  const second = batches.next();
  queue.end();
  expect((await second).done).toBe(true);
});

test('a comparison that waits for room learns that nobody fetches any more', async () => {
  const queue = new FetchQueue(1, 1);
  expect(await queue.put(photos, makeDifferences(photos, 1))).toBe(true);
  const adding = queue.put(photos, makeDifferences(photos, 1));
  queue.stop();
  expect(await adding).toBe(false);
});
