import { DAY_MS } from '../model/clock.js';
import type { Path } from '../model/path.js';
import type { FileInfo, LocalFileInfo } from '../model/file.js';
import {
  areas,
  parseNameTime,
  resolveInDir,
  toMilliseconds,
  type SyncDirLocation,
} from './areas.js';
import { getPathInDir } from './parents.js';
import { isSafePath } from './paths.js';
import { getFolderPath, makeAreaFolder } from './replace.js';
import { removeEmptyDirs, walkOwnFolder } from './walk.js';

/**
 * A file in the conflicts or the trash, or a replaced one. `keptAs` is its path relative to the
 * sync dir; `at` is when it came there, by that disk's clock.
 */
export interface StoredRecoverable {
  readonly path: Path;
  readonly keptAs: string;
  readonly at: Date;
  readonly size: number;
  /** The date of the file itself, in whole seconds since the epoch. */
  readonly mtime: number;
}

/** Lists the files of an area, newest first. */
export async function listRecoverableFiles(
  location: SyncDirLocation,
  area: 'conflicts' | 'trash' | 'replaced',
  limit: number,
): Promise<StoredRecoverable[]> {
  const recoverable: StoredRecoverable[] = [];
  for (const name of await listAreaFolders(location, areas[area])) {
    const folder = `${areas[area]}/${name}`;
    const at = await location.disk.stat(resolveInDir(location, folder));
    if (at === undefined) continue;
    for await (const found of walkOwnFolder(location, folder)) {
      const path = `${location.dir}/${found.at.slice(folder.length + 1)}`;
      if (found.stat.kind === 'directory' || !isSafePath(path)) continue;
      if (recoverable.length >= limit) return recoverable;
      recoverable.push({
        path,
        keptAs: found.at,
        at: new Date(toMilliseconds(at)),
        size: found.stat.size,
        mtime: found.stat.mtime,
      });
    }
  }
  return recoverable;
}

/**
 * Moves the conflict at `keptAs` to the trash, which is emptied in time. False if the file is
 * gone.
 *
 * @param rest its path below the sync dir
 */
export async function discardRecoverableFile(
  location: SyncDirLocation,
  keptAs: string,
  rest: string,
): Promise<boolean> {
  const inTrash = `${areas.trash}/${await makeAreaFolder(location, areas.trash, rest)}/${rest}`;
  const moved = await location.disk.rename(
    resolveInDir(location, keptAs),
    resolveInDir(location, inTrash),
  );
  await removeEmptyDirs(
    location,
    getFolderPath(moved ? keptAs : inTrash),
    moved ? areas.conflicts : areas.trash,
  );
  return moved;
}

/**
 * Finds a copy in the trash or the conflicts with exactly these bytes. Returns its absolute path.
 */
export async function findCopyOf(
  location: SyncDirLocation,
  path: Path,
  { size, sha256 }: FileInfo,
): Promise<string | undefined> {
  if (sha256 === undefined) return undefined;
  return findRecoverableCopy(
    location,
    path,
    async (info, hash) => info.size === size && (await hash()) === sha256,
    { areas: ['trash', 'conflicts'] },
  );
}

/**
 * Where to search for copies of a path. `since` is in milliseconds since the epoch: copies that
 * came there earlier are skipped. That disk's clock decides. The name of a folder tells the time of
 * the host that made it.
 */
interface CopySearch {
  readonly areas: readonly ('replaced' | 'trash' | 'conflicts')[];
  readonly since?: number;
}

/**
 * Finds a copy of `path` that `wanted` accepts, area by area, newest first. Returns its absolute
 * path; undefined if there is none. Another process may move it meanwhile. `placeFile` restores
 * it.
 */
export async function findRecoverableCopy(
  location: SyncDirLocation,
  path: Path,
  wanted: (info: LocalFileInfo, hash: () => Promise<string | undefined>) => Promise<boolean>,
  { areas: names, since }: CopySearch = allAreas,
): Promise<string | undefined> {
  const rest = getPathInDir(location, path);
  for (const area of names.map((name) => areas[name])) {
    for (const name of await listAreaFolders(location, area)) {
      // The host that named the folder may have another clock, but not by more than a day. So most
      // of a large trash costs no look at the disk.
      if (since !== undefined && (parseNameTime(name) ?? Infinity) < since - DAY_MS) continue;
      const folder = resolveInDir(location, `${area}/${name}`),
        file = `${folder}/${rest}`;
      const stat = await location.disk.stat(file);
      if (stat?.kind !== 'file') continue;
      if (since !== undefined && !(await cameSince(location, folder, since))) continue;
      const { size, mtime, nanos } = stat;
      if (
        await wanted({ size, mtime, nanos }, () =>
          location.disk.hash(file, location.hashLimit ?? Infinity),
        )
      )
        return file;
    }
  }
  return undefined;
}

async function cameSince(
  { disk }: SyncDirLocation,
  folder: string,
  since: number,
): Promise<boolean> {
  const stat = await disk.stat(folder);
  return stat !== undefined && toMilliseconds(stat) >= since;
}

const allAreas: CopySearch = { areas: ['replaced', 'trash', 'conflicts'] };

/** Lists the folders of an area, newest first. Their names begin with the time. */
export async function listAreaFolders(location: SyncDirLocation, area: string): Promise<string[]> {
  return ((await location.disk.list(resolveInDir(location, area))) ?? []).sort().reverse();
}
