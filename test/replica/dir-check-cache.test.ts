import { mkdir, rm, utimes } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { areas, prepareAreas, resolveInDir } from '../../src/replica/areas.js';
import { DirCheckCache } from '../../src/replica/dir-check-cache.js';
import type { Disk } from '../../src/replica/disk.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { makeOld, makeReplica } from './replica.js';

const uploads = requireSafePath('uploads');
let dir: TestDir;
let reads: number;
let disk: Disk;
beforeEach(async () => {
  dir = await makeTestDir();
  reads = 0;
  disk = {
    ...nodeDisk,
    readText: (path) => {
      reads++;
      return nodeDisk.readText(path);
    },
  };
  await writeMarker(nodeDisk, dir.path, 'host-1', uploads);
});
afterEach(() => dir.remove());

test('a marker is read once, as long as it stays the same file', async () => {
  const checked = new DirCheckCache();
  expect(checked.hasMarker(disk, dir.path)).toBe(false);
  for (let i = 0; i < 3; i++)
    expect(await checked.checkMarker(disk, dir.path, 'host-1', uploads)).toBeUndefined();
  expect(reads).toBe(1);
  expect(checked.hasMarker(disk, dir.path)).toBe(true);
});

test('a marker that was replaced is read again', async () => {
  const checked = new DirCheckCache();
  await checked.checkMarker(disk, dir.path, 'host-1', uploads);
  await writeMarker(nodeDisk, dir.path, 'host-2', uploads, { force: true });
  // Both markers have one size, and a quick machine writes them within one tick of the clock.
  const later = Date.now() / 1_000 + 2;
  await utimes(`${dir.path}/${areas.marker}`, later, later);
  expect(await checked.checkMarker(disk, dir.path, 'host-1', uploads)).toMatchObject({
    code: 'NO_MARKER',
  });
  expect(checked.hasMarker(disk, dir.path)).toBe(false);
});

test('a marker that was removed is noticed at once', async () => {
  const checked = new DirCheckCache();
  await checked.checkMarker(disk, dir.path, 'host-1', uploads);
  await rm(`${dir.path}/${areas.marker}`);
  expect(await checked.checkMarker(disk, dir.path, 'host-1', uploads)).toMatchObject({
    code: 'NO_MARKER',
  });
});

test('a marker of one disk says nothing about another disk', async () => {
  const checked = new DirCheckCache();
  await checked.checkMarker(disk, dir.path, 'host-1', uploads);
  expect(checked.hasMarker(nodeDisk, dir.path)).toBe(false);
});

test('known working folders take one stat, until something changes there', async () => {
  const replica = await makeReplica(),
    { disk, ...where } = replica.place;
  try {
    let stats = 0;
    const counting: Disk = {
      ...disk,
      stat: (path) => {
        stats++;
        return disk.stat(path);
      },
    };
    const place = { ...where, disk: counting },
      checked = new DirCheckCache();
    const count = async (): Promise<[boolean, number]> => {
      stats = 0;
      return [await checked.lacksAreas(place), stats];
    };
    // The next change is seen by its date.
    await makeOld(resolveInDir(place, areas.own));
    expect(await count()).toEqual([false, 6]);
    expect(await count()).toEqual([false, 1]);
    await rm(resolveInDir(place, areas.trash), { recursive: true });
    expect((await count())[0]).toBe(true);
    expect((await count())[0]).toBe(true);
    await prepareAreas(place);
    await makeOld(resolveInDir(place, areas.own));
    expect((await count())[0]).toBe(false);
    expect(await count()).toEqual([false, 1]);
    await rm(resolveInDir(place, areas.own), { recursive: true });
    expect((await count())[0]).toBe(true);
    await mkdir(resolveInDir(place, areas.own));
    expect((await count())[0]).toBe(true);
  } finally {
    await replica.remove();
  }
});
