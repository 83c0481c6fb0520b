import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { newName, prepareAreas, type SyncDirLocation } from '../../src/replica/areas.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { requireSafePath } from '../../src/replica/paths.js';
import type { Disk, ReplacedFileResolver } from '../../src/replica/disk.js';
import type { Path } from '../../src/model/path.js';
import type { Resolution } from '../../src/model/resolution.js';
import { makeTestDir } from '../harness/tmp.js';

/** A sync dir `uploads` with its working folders, and what tests do to it. */
export interface Replica {
  readonly place: SyncDirLocation;
  /** The same directory on another disk: one that fails, or counts. */
  on(disk: Disk): SyncDirLocation;
  /** Writes a file below the sync dir, by its path there. */
  put(rest: string, content: string): Promise<void>;
  /** A finished file in tmp; its absolute path. */
  receive(content: string): Promise<string>;
  /** Every file below the sync dir and its content; names that were made at random read `*`. */
  files(): Promise<Record<string, string>>;
  contents(): Promise<string[]>;
  remove(): Promise<void>;
}

export async function makeReplica(): Promise<Replica> {
  const dir = await makeTestDir();
  const at = (rest: string): string => join(dir.path, 'uploads', rest);
  await mkdir(at(''));
  const place: SyncDirLocation = {
    disk: nodeDisk,
    dirPath: join(dir.path, 'uploads'),
    dir: requireSafePath('uploads'),
  };
  await prepareAreas(place);
  const put = async (rest: string, content: string): Promise<void> => {
    await mkdir(dirname(at(rest)), { recursive: true });
    await writeFile(at(rest), content);
  };
  const list = async (): Promise<[string, string][]> => {
    const entries = await readdir(at(''), { recursive: true, withFileTypes: true });
    const found = entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    return Promise.all(
      found.map(async (file) => [
        file.slice(at('').length + 1).replace(/[0-9a-z]{9}-[0-9a-f]{16}/g, '*'),
        await readFile(file, 'utf8'),
      ]),
    );
  };
  return {
    place,
    on: (disk) => ({ ...place, disk }),
    put,
    receive: async (content) => {
      const rest = `.syncmedia/tmp/${newName()}`;
      await put(rest, content);
      return at(rest);
    },
    files: async () => Object.fromEntries((await list()).sort()),
    contents: async () => (await list()).map(([, content]) => content).sort(),
    remove: dir.remove,
  };
}

/** Makes a file or directory as old as if nobody had touched it for an hour. */
export async function makeOld(path: string): Promise<void> {
  const then = Date.now() / 1000 - 3600;
  await utimes(path, then, then);
}

export const path = (rest: string): Path => requireSafePath(`uploads/${rest}`);

/** Resolves by content, read through the disk as a real resolver does. */
export function resolveBy(resolutions: Record<string, Resolution>): ReplacedFileResolver {
  const byHash = new Map(
    Object.entries(resolutions).map(([content, resolution]) => [
      createHash('sha256').update(content).digest('hex'),
      resolution,
    ]),
  );
  return async (_path, _found, _by, hash) => {
    const sha256 = await hash();
    // Moved away meanwhile by another resolver: no resolution can do any harm.
    return byHash.get(sha256 ?? '') ?? 'conflict';
  };
}
