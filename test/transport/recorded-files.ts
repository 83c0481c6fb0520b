import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordRequest } from '../../src/model/history.js';
import { writeMarker } from '../../src/replica/marker.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { makeTestDir } from '../harness/tmp.js';
import { photos, put, self } from './site.js';

/** A replica whose files a history records. */
export interface RecordedFiles {
  /** A folder around the root, for whatever else a test needs. */
  readonly dir: string;
  readonly root: string;
  readonly replica: Replica;
  /** Writes a file, and returns what asks to record it. */
  save(name: string, content: string | Uint8Array, version: string): Promise<RecordRequest>;
  remove(): Promise<void>;
}

export async function makeRecordedFiles(): Promise<RecordedFiles> {
  const dir = await makeTestDir();
  const root = join(dir.path, 'root');
  await mkdir(join(root, photos.path), { recursive: true });
  await writeMarker(nodeDisk, join(root, photos.path), self, photos.path);
  const all = new SyncDirs([photos]);
  const replica = new Replica(root, () => all, { me: () => self });
  return {
    dir: dir.path,
    root,
    replica,
    async save(name, content, version) {
      const path = requireSafePath(`${photos.path}/${name}`);
      await put(root, path, content);
      const info = await replica.hash(path);
      if (!info) throw new Error(`${path} was not written`);
      return { path, version, at: new Date(), info };
    },
    remove: () => dir.remove(),
  };
}
