import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KnownDirs } from '../../src/context/known-dirs.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { Replica } from '../../src/replica/replica.js';
import { ETagCache } from '../../src/serving/etag-cache.js';
import { createServeMedia } from '../../src/serving/serve-media.js';
import { resolveServeOptions, type ServeOptions } from '../../src/serving/serve-options.js';
import { EventBus } from '../../src/model/events.js';
import type { Path } from '../../src/model/path.js';
import { makePartial } from '../harness/partial.js';
import { makeTestDir } from '../harness/tmp.js';
import type { RequestHandler } from 'express';

export interface Served {
  readonly root: string;
  write(file: string, content: string | Uint8Array): Promise<void>;
  serve(options?: ServeOptions, base?: string): RequestHandler;
  remove(): Promise<void>;
}

/** A root with one sync dir, `uploads`, and nobody to fetch from. */
export async function makeServed(): Promise<Served> {
  const folder = await makeTestDir();
  const dirs = new SyncDirs([
    { path: 'uploads' as Path, exclude: ['*.tmp'], conflict: 'newer', onDelete: 'keep' },
  ]);
  const replica = new Replica(folder.path, () => dirs),
    tags = new ETagCache();
  await mkdir(join(folder.path, 'uploads'));
  return {
    root: folder.path,
    remove: async () => {
      await tags.close();
      await folder.remove();
    },
    async write(file, content) {
      await mkdir(dirname(join(folder.path, file)), { recursive: true });
      await writeFile(join(folder.path, file), content);
    },
    serve: (options = {}, base = 'uploads') =>
      createServeMedia(
        {
          replica,
          dirs: makePartial<KnownDirs>({ current: () => dirs }),
          events: new EventBus(),
        },
        { base, tags, openFetcher: () => Promise.resolve(undefined) },
        resolveServeOptions(options),
      ),
  };
}
