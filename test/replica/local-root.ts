import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { makeTestDir } from '../harness/tmp.js';

const run = promisify(execFile);

export const uploads: SyncDir = {
  path: requireSafePath('uploads'),
  exclude: ['*.tmp', 'cache/'],
  conflict: 'newer',
  onDelete: 'keep',
};
export const photos: SyncDir = {
  path: requireSafePath('uploads/photos'),
  exclude: [],
  conflict: 'newer',
  onDelete: 'keep',
};
export const dirs = new SyncDirs([uploads, photos]);

/** A root with two marked sync dirs, one in the other. */
export interface LocalRoot {
  readonly root: Replica;
  /** The absolute path of a name below the root. */
  at(this: void, name: string): string;
  put(this: void, path: string, content: string): Promise<void>;
  /**
   * One of all that is no regular file, in a folder that is made; `close` ends the socket's server.
   */
  putSpecials(this: void, folder: string): Promise<{ names: string[]; close: () => void }>;
  remove(this: void): Promise<void>;
}

export async function makeLocalRoot(): Promise<LocalRoot> {
  const dir = await makeTestDir();
  const at = (name: string): string => `${dir.path}/${name}`;
  await mkdir(at('uploads/photos'), { recursive: true });
  for (const { path } of dirs.list) await writeMarker(nodeDisk, at(path), 'host-1', path);
  return {
    root: new Replica(dir.path, () => dirs, { me: () => 'host-1' }),
    at,
    put: async (path, content) => {
      await mkdir(at(path.slice(0, path.lastIndexOf('/'))), { recursive: true });
      await writeFile(at(path), content);
    },
    putSpecials: async (folder) => {
      await mkdir(at(folder), { recursive: true });
      await run('mkfifo', ['--', at(`${folder}/fifo`)]);
      await symlink('/etc/hostname', at(`${folder}/link`));
      await symlink('nowhere', at(`${folder}/dangling`));
      await symlink('/dev/zero', at(`${folder}/device`));
      await mkdir(at(`${folder}/directory`));
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(at(`${folder}/socket`), resolve);
      });
      return {
        names: ['fifo', 'link', 'dangling', 'device', 'directory', 'socket'],
        close: () => {
          server.close();
        },
      };
    },
    remove: dir.remove,
  };
}
