import { rm, stat, utimes } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { makeLocalRoot, uploads, type LocalRoot } from './local-root.js';

let made: LocalRoot;
beforeEach(async () => { made = await makeLocalRoot(); });
afterEach(() => made.remove());

async function scanSince(since: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of made.root.scan(uploads, new AbortController().signal, undefined, since)) found.push(path.slice('uploads/'.length));
  return found.sort();
}

/** A moment after everything until now, by the clock that dates directories, which ticks slowly. */
async function mark(): Promise<number> {
  const { put, at } = made;
  const { ctimeMs } = await stat(at('uploads'));
  await put('probe/x', '');
  return until(async () => {
    await rm(at('probe/x'));
    await put('probe/x', '');
    const now = (await stat(at('probe'))).ctimeMs;
    return now > ctimeMs + 20 && now;
  });
}

test('only the files of directories in which something was made or removed since', async () => {
  const { put, at } = made;
  await put('uploads/still/deep/a.jpg', 'a');
  await put('uploads/still/b.jpg', 'b');
  await put('uploads/busy/c.jpg', 'c');
  const since = await mark();
  await put('uploads/busy/d.jpg', 'd');
  await put('uploads/still/deep/new/e.jpg', 'e');
  expect(await scanSince(since)).toEqual(['busy/c.jpg', 'busy/d.jpg', 'still/deep/a.jpg', 'still/deep/new/e.jpg']);
  expect(await scanSince(0)).toHaveLength(5);
  const later = await mark();
  expect(await scanSince(later)).toEqual([]);
  await rm(at('uploads/busy/c.jpg'));
  expect(await scanSince(later)).toEqual(['busy/d.jpg']);
});

test('a directory whose date was set back has changed all the same', async () => {
  await made.put('uploads/busy/c.jpg', 'c');
  const since = await mark();
  await made.put('uploads/busy/d.jpg', 'd');
  await utimes(made.at('uploads/busy'), 1, 1);
  expect(await scanSince(since)).toEqual(['busy/c.jpg', 'busy/d.jpg']);
});
