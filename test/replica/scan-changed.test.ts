import { chmod, rename, rm, stat, utimes } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectoryIds } from '../../src/replica/directory-ids.js';
import type { ScanScope } from '../../src/replica/scan.js';
import { until } from '../harness/wait.js';
import { makeLocalRoot, uploads, type LocalRoot } from './local-root.js';
import { asOtherUser } from './other-user.js';

let made: LocalRoot;
beforeEach(async () => {
  made = await makeLocalRoot();
});
afterEach(() => made.remove());

function scanSince(since: number): Promise<string[]> {
  return scan({ changedSince: since });
}

async function scan(scope: ScanScope): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of made.root.scan(
    uploads,
    new AbortController().signal,
    undefined,
    scope,
  ))
    found.push(path.slice('uploads/'.length));
  return found.sort();
}

/** A moment after everything until now, by the clock that dates directories, which ticks slowly. */
async function mark(): Promise<number> {
  const { put, at } = made;
  await put('probe/x', '');
  const { ctimeMs } = await stat(at('probe'));
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
  expect(await scanSince(since)).toEqual([
    'busy/c.jpg',
    'busy/d.jpg',
    'still/deep/a.jpg',
    'still/deep/new/e.jpg',
  ]);
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

/** Files in three levels, which a scan has walked; then time passes. */
async function makeKnown(): Promise<{ known: DirectoryIds; since: number }> {
  for (const name of ['2025/a.jpg', '2025/thumbs/b.jpg', '2025/thumbs/small/c.jpg', '2026/d.jpg'])
    await made.put(`uploads/${name}`, 'x');
  const known = new DirectoryIds();
  await scan({ walked: known });
  return { known, since: await mark() };
}

test('a directory that was renamed has changed, with everything below it', async () => {
  const { known, since } = await makeKnown();
  const walked = new DirectoryIds();
  await rename(made.at('uploads/2025'), made.at('uploads/archive-2025'));
  expect(await scan({ changedSince: since, known, walked })).toEqual([
    'archive-2025/a.jpg',
    'archive-2025/thumbs/b.jpg',
    'archive-2025/thumbs/small/c.jpg',
  ]);
  expect(await scan({ changedSince: await mark(), known: walked })).toEqual([]);
});

test('a file that was moved into the sync dir, into an existing directory, is found too', async () => {
  await made.put('staging/album/e.jpg', 'x');
  await made.put('staging/album/thumbs/f.jpg', 'x');
  const { known, since } = await makeKnown();
  await rename(made.at('staging/album'), made.at('uploads/2025/thumbs/album'));
  expect(await scan({ changedSince: since, known })).toEqual([
    '2025/thumbs/album/e.jpg',
    '2025/thumbs/album/thumbs/f.jpg',
    '2025/thumbs/b.jpg',
  ]);
});

test('a directory that took the place of another one has changed', async () => {
  const { known, since } = await makeKnown();
  await made.put('staging/2025/thumbs/other.jpg', 'x');
  await rename(made.at('uploads/2025'), made.at('staging/before'));
  await rename(made.at('staging/2025'), made.at('uploads/2025'));
  // As on a file system that dates no directory that is renamed.
  const later = await mark();
  expect(await scan({ changedSince: later, known })).toEqual(['2025/thumbs/other.jpg']);
  expect(await scan({ changedSince: since, known })).toEqual(['2025/thumbs/other.jpg']);
});

test('two directories that swapped their names have changed', async () => {
  const { known, since } = await makeKnown();
  await rename(made.at('uploads/2025'), made.at('uploads/x'));
  await rename(made.at('uploads/2026'), made.at('uploads/2025'));
  await rename(made.at('uploads/x'), made.at('uploads/2026'));
  expect(await scan({ changedSince: since, known })).toEqual([
    '2025/d.jpg',
    '2026/a.jpg',
    '2026/thumbs/b.jpg',
    '2026/thumbs/small/c.jpg',
  ]);
});

test('a directory that was moved away and back is as it was', async () => {
  const { known, since } = await makeKnown();
  await rename(made.at('uploads/2025'), made.at('away'));
  await made.put('away/thumbs/small/new.jpg', 'x');
  await rename(made.at('away'), made.at('uploads/2025'));
  expect(await scan({ changedSince: since, known })).toEqual([
    '2025/a.jpg',
    '2025/thumbs/small/c.jpg',
    '2025/thumbs/small/new.jpg',
  ]);
});

test('a scan without known directories looks at everything, as it does for directories it could not remember', async () => {
  const { since } = await makeKnown();
  expect(await scan({ changedSince: since, known: new DirectoryIds() })).toHaveLength(4);
  const few = new DirectoryIds(1);
  await scan({ walked: few });
  expect(await scan({ changedSince: since, known: few })).toHaveLength(4);
});

test('a directory that could not be read counts as new once it can be', async () => {
  await makeKnown();
  for (const name of ['.', 'uploads', 'uploads/.syncmedia']) await chmod(made.at(name), 0o755);
  await chmod(made.at('uploads/.syncmedia/id'), 0o644);
  const walked = new DirectoryIds();
  await asOtherUser(made.at('uploads/2025'), () => scan({ walked }));
  expect(await scan({ changedSince: await mark(), known: walked })).toEqual([
    '2025/a.jpg',
    '2025/thumbs/b.jpg',
    '2025/thumbs/small/c.jpg',
  ]);
});
