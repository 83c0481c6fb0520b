import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { areas } from '../../src/replica/areas.js';
import { CheckedMarkers } from '../../src/replica/checked-markers.js';
import type { Disk } from '../../src/replica/disk.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

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
  const markers = new CheckedMarkers();
  expect(markers.has(disk, dir.path)).toBe(false);
  for (let i = 0; i < 3; i++)
    expect(await markers.check(disk, dir.path, 'host-1', uploads)).toBeUndefined();
  expect(reads).toBe(1);
  expect(markers.has(disk, dir.path)).toBe(true);
});

test('a replaced marker is read again', async () => {
  const markers = new CheckedMarkers();
  await markers.check(disk, dir.path, 'host-1', uploads);
  await writeMarker(nodeDisk, dir.path, 'host-2', uploads, { force: true });
  expect(await markers.check(disk, dir.path, 'host-1', uploads)).toMatchObject({
    code: 'NO_MARKER',
  });
  expect(markers.has(disk, dir.path)).toBe(false);
});

test('a marker that is gone is missed at once', async () => {
  const markers = new CheckedMarkers();
  await markers.check(disk, dir.path, 'host-1', uploads);
  await rm(`${dir.path}/${areas.marker}`);
  expect(await markers.check(disk, dir.path, 'host-1', uploads)).toMatchObject({
    code: 'NO_MARKER',
  });
});

test('the finding on one disk says nothing of another', async () => {
  const markers = new CheckedMarkers();
  await markers.check(disk, dir.path, 'host-1', uploads);
  expect(markers.has(nodeDisk, dir.path)).toBe(false);
});
