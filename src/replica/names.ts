import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import { areas, resolveInDir, type SyncDirLocation } from './areas.js';
import { getPathInDir } from './parents.js';
import { quotePath } from './paths.js';

/**
 * Whether the disk takes names that differ only by case as one name. macOS and Windows do by
 * default.
 */
export async function detectIgnoresCase(location: SyncDirLocation): Promise<boolean> {
  return (await location.disk.stat(resolveInDir(location, areas.own.toUpperCase()))) !== undefined;
}

/**
 * On a disk that ignores case, refuses a path if a name there differs from it only by case.
 * Placing it would replace a file that belongs to another path.
 *
 * @throws BAD_PATH
 */
export async function refuseCaseClash(location: SyncDirLocation, path: Path): Promise<void> {
  if (location.ignoresCase !== true) return;
  let folder = location.dirPath;
  for (const name of getPathInDir(location, path).split('/')) {
    const names = await location.disk.list(folder);
    if (names === undefined) return;
    if (!names.includes(name)) {
      const other = names.find((one) => one.toLowerCase() === name.toLowerCase());
      if (other === undefined) return;
      throw new SyncMediaError(
        'BAD_PATH',
        `${quotePath(path)} cannot be kept beside ${quotePath(`${folder}/${other}`)}: the name ` +
          `differs only by case, which this disk ignores. Rename one of them.`,
      );
    }
    folder = `${folder}/${name}`;
  }
}
