import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostContext } from '../../../src/context/host-context.js';
import type { Registry } from '../../../src/hosts/registry.js';
import { ConflictCounter } from '../../../src/leader/jobs/count-conflicts.js';
import type { Host } from '../../../src/model/host.js';
import { nodeDisk } from '../../../src/replica/node-disk.js';
import { writeMarker } from '../../../src/replica/marker.js';
import { Replica } from '../../../src/replica/replica.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import { makePartial } from '../../harness/partial.js';
import { makeTestDir, type TestDir } from '../../harness/tmp.js';
import { photos } from '../../ledger/site.js';

let dir: TestDir, stored: number[], counter: ConflictCounter, now: number;
beforeEach(async () => {
  dir = await makeTestDir();
  await mkdir(join(dir.path, photos.path), { recursive: true });
  await writeMarker(nodeDisk, join(dir.path, photos.path), 'A', photos.path);
  stored = [];
  now = 0;
  const dirs = new SyncDirs([photos]);
  counter = new ConflictCounter(
    {
      dirs: makePartial<HostContext['dirs']>({ current: () => dirs }),
      replica: new Replica(dir.path, () => dirs, { me: () => 'A' }),
      registry: makePartial<Registry>({
        me: () => ({ conflicts: stored.at(-1) }) as Host,
        recordConflicts: (count) => {
          stored.push(count);
          return Promise.resolve();
        },
      }),
    },
    () => now,
  );
});
afterEach(() => dir.remove());

const folderOf = (name: string): string =>
  join(dir.path, photos.path, '.syncmedia/conflicts', name);
async function addConflict(name: string): Promise<void> {
  const file = join(folderOf(name), 'x/cat.jpg');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, 'kept');
}

test('the number of conflicts is stored when it changes, and only then', async () => {
  await counter.poll();
  await counter.poll();
  expect(stored).toEqual([0]);
  await addConflict('1');
  await addConflict('2');
  await counter.poll();
  await counter.poll();
  expect(stored).toEqual([0, 2]);
  await rm(folderOf('1'), { recursive: true });
  await counter.poll();
  expect(stored).toEqual([0, 2, 1]);
});

test('a file that comes into its folder after the first count is counted', async () => {
  await mkdir(join(folderOf('1'), 'x'), { recursive: true });
  await counter.poll();
  now += 6_000;
  await writeFile(join(folderOf('1'), 'x/cat.jpg'), 'kept');
  await counter.poll();
  expect(stored).toEqual([0, 1]);
});

test('a file that somebody removed from its folder by hand is found missing some minutes later', async () => {
  await addConflict('1');
  await counter.poll();
  now += 60_000;
  await counter.poll();
  await rm(join(folderOf('1'), 'x/cat.jpg'));
  now += 60_000;
  await counter.poll();
  expect(stored).toEqual([1]);
  now += 10 * 60_000;
  await counter.poll();
  expect(stored).toEqual([1, 0]);
});

test('a sync dir that is not mounted keeps its number', async () => {
  await addConflict('1');
  await counter.poll();
  await rename(join(dir.path, photos.path), join(dir.path, 'elsewhere'));
  await counter.poll();
  expect(stored).toEqual([1]);
});
