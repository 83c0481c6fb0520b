import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRsyncBackend } from '../../../src/transport/rsync/rsync-backend.js';
import { nodeDisk } from '../../../src/replica/node-disk.js';
import { writeMarker } from '../../../src/replica/marker.js';
import type { Change } from '../../../src/model/change.js';
import {
  changeOf,
  makeSite,
  namesIn,
  never,
  photos,
  put,
  results,
  self,
  type Site,
} from '../site.js';
import { mountSmallDisk, smallDiskIsMissing, type SmallDisk } from '../small-disk.js';

const dir = photos.path;
const MB = 1024 * 1024;
const missing = await smallDiskIsMissing();
if (missing !== undefined) console.warn(`SKIPPED, full disks: ${missing}`);

describe.skipIf(missing !== undefined).each(['send', 'fetch'] as const)(
  'a full disk, %s',
  (direction) => {
    describe.each([
      ['rsync alone', 0],
      ['small files by SFTP', MB],
    ] as const)('%s', (_name, smallFileLimit) => {
      let site: Site;
      let disk: SmallDisk;
      const source = (): string => (direction === 'send' ? site.here : site.rootThere);
      const receiver = (): string => (direction === 'send' ? site.rootThere : site.here);
      const carry = (changes: Change[]): Promise<Record<string, string>> =>
        results(
          direction === 'send'
            ? site.backend.send(site.host, changes, never)
            : site.backend.fetch(site.host, changes, never),
        );
      const make = async (sizes: Record<string, number>): Promise<Change[]> =>
        Promise.all(
          Object.entries(sizes).map(async ([name, size]) => {
            await put(source(), `${dir}/${name}`, Buffer.alloc(size, name));
            return changeOf(source(), `${dir}/${name}`);
          }),
        );

      beforeEach(async () => {
        site = await makeSite((options) =>
          createRsyncBackend({ ...options, smallFileLimit, largeFileFrom: 6 * MB }),
        );
        disk = await mountSmallDisk(join(receiver(), dir), 4 * MB);
        await writeMarker(
          nodeDisk,
          join(receiver(), dir),
          direction === 'send' ? site.host.id : self,
          dir,
        );
      });
      afterEach(async () => {
        await disk.remove();
        await site.close();
      });

      test('the files that do not fit are blocked, each by itself, and the others arrive whole', async () => {
        const changes = await make({
          'a-huge.jpg': 8 * MB,
          'b-large.jpg': 5 * MB,
          'c-small.jpg': 100_000,
          'd-large.jpg': 5 * MB,
          'e-small.jpg': 200_000,
          'z.jpg': 10,
        });
        expect(await carry(changes)).toEqual({
          [`${dir}/a-huge.jpg`]: 'failed: DISK_FULL of path',
          [`${dir}/b-large.jpg`]: 'failed: DISK_FULL of path',
          [`${dir}/d-large.jpg`]: 'failed: DISK_FULL of path',
          [`${dir}/c-small.jpg`]: 'delivered',
          [`${dir}/e-small.jpg`]: 'delivered',
          [`${dir}/z.jpg`]: 'delivered',
        });
        for (const name of ['c-small.jpg', 'e-small.jpg', 'z.jpg']) {
          expect(
            (await readFile(join(receiver(), dir, name))).equals(
              await readFile(join(source(), dir, name)),
            ),
          ).toBe(true);
        }
        await expect(namesIn(join(receiver(), dir))).resolves.toEqual([
          '.syncmedia',
          'c-small.jpg',
          'e-small.jpg',
          'z.jpg',
        ]);
        const own = join(receiver(), dir, '.syncmedia');
        expect([
          ...(await readdir(join(own, 'tmp'))),
          ...(await readdir(join(own, 'partial'))),
          ...(await readdir(join(own, 'replaced'))),
        ]).toEqual([]);
      });

      test('many small files, of which only some fit, need few calls and replace none by half', async () => {
        const names = Array.from(
          { length: 30 },
          (_, index) => `${String(index).padStart(2, '0')}.jpg`,
        );
        const changes = await make(Object.fromEntries(names.map((name) => [name, 300_000])));
        const outcomes = Object.values(await carry(changes));
        const arrived = (await namesIn(join(receiver(), dir))).filter(
          (name) => name !== '.syncmedia',
        );
        expect(outcomes.filter((result) => result === 'delivered')).toHaveLength(arrived.length);
        expect(outcomes.filter((result) => result === 'failed: DISK_FULL of path')).toHaveLength(
          30 - arrived.length,
        );
        expect(arrived.length).toBeGreaterThan(8);
        for (const name of arrived)
          expect(
            (await readFile(join(receiver(), dir, name))).equals(Buffer.alloc(300_000, name)),
          ).toBe(true);
        expect(site.calls.length).toBeLessThanOrEqual(12);
      });
    });
  },
);
