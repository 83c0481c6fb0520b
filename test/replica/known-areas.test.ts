import { mkdir, rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { areas, resolveInDir, prepareAreas } from '../../src/replica/areas.js';
import type { Disk } from '../../src/replica/disk.js';
import { KnownAreas } from '../../src/replica/known-areas.js';
import { makeOld, makeReplica } from './replica.js';

test('known working folders take one look, until something changes there', async () => {
  const replica = await makeReplica(),
    { disk, ...where } = replica.place;
  try {
    let looks = 0;
    const counting: Disk = {
      ...disk,
      stat: (path) => {
        looks++;
        return disk.stat(path);
      },
    };
    const place = { ...where, disk: counting },
      known = new KnownAreas();
    const look = async (): Promise<[boolean, number]> => {
      looks = 0;
      return [await known.lacks(place), looks];
    };
    // The next change is seen by its date.
    await makeOld(resolveInDir(place, areas.own));
    expect(await look()).toEqual([false, 6]);
    expect(await look()).toEqual([false, 1]);
    await rm(resolveInDir(place, areas.trash), { recursive: true });
    expect((await look())[0]).toBe(true);
    expect((await look())[0]).toBe(true);
    await prepareAreas(place);
    await makeOld(resolveInDir(place, areas.own));
    expect((await look())[0]).toBe(false);
    expect(await look()).toEqual([false, 1]);
    await rm(resolveInDir(place, areas.own), { recursive: true });
    expect((await look())[0]).toBe(true);
    await mkdir(resolveInDir(place, areas.own));
    expect((await look())[0]).toBe(true);
  } finally {
    await replica.remove();
  }
});
