import { chmod, stat } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { areas, type SyncDirLocation } from '../../src/replica/areas.js';
import type { Disk } from '../../src/replica/disk.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { TmpFolders } from '../../src/replica/tmp-folders.js';
import { makeReplica, path, type Replica } from './replica.js';

let hosts: [Replica, Replica];
beforeEach(async () => {
  hosts = [await makeReplica(), await makeReplica()];
});
afterEach(() => Promise.all(hosts.map((host) => host.remove())));

const dirPath = '/srv/www/uploads';

/** The sync dir as its host names it: at the same path as on every other host. */
function locate({ place }: Replica): SyncDirLocation {
  const toReal = (at: string): string => at.replace(dirPath, place.dirPath);
  const disk: Disk = {
    ...nodeDisk,
    stat: (at) => nodeDisk.stat(toReal(at)),
    makeDirectory: (at, mode) => nodeDisk.makeDirectory(toReal(at), mode),
    rename: (from, to) => nodeDisk.rename(toReal(from), toReal(to)),
    removeDirectory: (at) => nodeDisk.removeDirectory(toReal(at)),
  };
  return { ...place, disk, dirPath };
}

test('hosts with the same root get a folder for the group each, also at the same time', async () => {
  // The setgid bit alone gives new files another group than those of the tmp area.
  for (const { place } of hosts) await chmod(place.dirPath, 0o2755);
  const tmpFolders = new TmpFolders();
  const folders = await Promise.all(
    hosts.map((host) => tmpFolders.find(locate(host), path('a.jpg'))),
  );
  for (const [index, { place }] of hosts.entries()) {
    expect(folders[index]).toMatch(new RegExp(`^${areas.tmp}/group-`));
    expect((await stat(`${place.dirPath}/${folders[index] ?? ''}`)).isDirectory()).toBe(true);
  }
});
