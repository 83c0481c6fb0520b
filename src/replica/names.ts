import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/words.js';
import { areas, inPlace, type Place } from './areas.js';
import { belowDir } from './parents.js';
import { quotePath } from './paths.js';

/**
 * Whether the disk takes names that differ only by case as one name. macOS and Windows do by
 * default.
 */
export async function findIgnoresCase(place: Place): Promise<boolean> {
  return (await place.disk.stat(inPlace(place, areas.own.toUpperCase()))) !== undefined;
}

/**
 * On a disk that ignores case, refuses a path if a name there differs from it only by case.
 * Placing it would replace a file that belongs to another path.
 *
 * @throws BAD_PATH
 */
export async function checkName(place: Place, path: Path): Promise<void> {
  if (place.ignoresCase !== true) return;
  let folder = place.dirPath;
  for (const name of belowDir(place, path).split('/')) {
    const names = await place.disk.list(folder);
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
