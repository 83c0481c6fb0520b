import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/words.js';
import { areas, inPlace, newName, type Place } from './areas.js';
import type { Disk, DiskStat } from './disk.js';
import { belowDir } from './parents.js';
import { quotePath } from './paths.js';

const SETGID = 0o2000;
/**
 * How long an observed group is valid, in milliseconds. An operator may change groups while this
 * process runs.
 */
const FRESH_MS = 2_000;
/** How many directories are remembered. The oldest go first. */
const LIMIT = 1_000;
/**
 * Name of a new folder for a group. It is made in the directory whose group it should get, and
 * moved to the tmp area at once.
 */
const NEW_FOLDER = '.syncmedia-tmp';

/**
 * The group of a new file in a directory: that of the directory if it has the setgid bit, else
 * that of the creating user.
 */
type Group = number | 'own';

function groupOf({ mode, gid }: DiskStat): Group {
  return (mode & SETGID) === 0 ? 'own' : gid;
}

interface Looked {
  readonly at: string;
  readonly group: Group;
  readonly since: number;
}

/**
 * Chooses the folder of the tmp area in which to write a file, so that it gets the group that the
 * kernel would give it in its own directory. Usually that is the area itself. A directory with
 * another group gets its own folder there.
 *
 * Only members of a group may give a file to it, and no key that the gate confines may. But a
 * file in a setgid directory gets its group whoever makes it, and keeps the group when it is
 * moved. So the folder is made in the file's own directory.
 */
export class TmpFolders {
  /** By disk. The disk of another host lasts as long as the connection to it. */
  private readonly looks = new WeakMap<Disk, Map<string, Looked>>();
  private readonly made = new WeakMap<Disk, Map<string, string>>();
  private readonly making = new Map<string, Promise<string>>();

  /** Returns what `find` would most likely return, without asking the disk. */
  guess(place: Place, path: Path): string {
    return this.findKnown(place, path) ?? areas.tmp;
  }

  private findKnown(place: Place, path: Path): string | undefined {
    const looks = this.looksAt(place.disk);
    let at = directoryOf(place, path);
    while (!looks.has(at) && at.length > place.dirPath.length)
      at = at.slice(0, at.lastIndexOf('/'));
    const looked = looks.get(at),
      tmp = looks.get(inPlace(place, areas.tmp));
    if (looked === undefined || tmp === undefined) return undefined;
    return looked.group === tmp.group
      ? areas.tmp
      : this.madeAt(place.disk).get(keyOf(place, looked.group));
  }

  /**
   * Observes which group a file at `path` would get. After it `find` needs no round trip, unless
   * it must make a folder. Makes nothing.
   */
  async look(place: Place, path: Path): Promise<void> {
    await Promise.all([
      this.lookUp(place, directoryOf(place, path)),
      this.lookAt(place, inPlace(place, areas.tmp)),
    ]);
  }

  /**
   * Finds or makes the folder, relative to the sync dir, for a file that will be placed at
   * `path`.
   *
   * @throws what the disk throws
   */
  async find(place: Place, path: Path): Promise<string> {
    const [{ group, at }, tmp] = await Promise.all([
      this.lookUp(place, directoryOf(place, path)),
      this.lookAt(place, inPlace(place, areas.tmp)),
    ]);
    if (tmp === undefined || tmp.group === group) return areas.tmp;
    const folder = `${areas.tmp}/${group === 'own' ? 'own' : `group-${String(group)}`}`;
    const key = `${place.dirPath}/${folder}`;
    const before = this.making.get(key);
    if (before !== undefined) return before;
    const making = this.make(place, folder, { group, at }).finally(() => {
      this.making.delete(key);
    });
    this.making.set(key, making);
    const made = await making;
    this.madeAt(place.disk).set(keyOf(place, group), made);
    return made;
  }

  /** Forgets all folders of a disk, because one turned out to be missing. */
  forget({ disk }: Place): void {
    this.looks.delete(disk);
    this.made.delete(disk);
  }

  private async make(
    place: Place,
    folder: string,
    { group, at }: Pick<Looked, 'group' | 'at'>,
  ): Promise<string> {
    const { disk } = place;
    const found = await this.lookAt(place, inPlace(place, folder));
    if (found?.group === group) return folder;
    const unfinished = `${at}/${NEW_FOLDER}`;
    // A folder of another group may still be in use. The cleaning of the tmp area removes it.
    const free = found === undefined ? folder : `${areas.tmp}/${newName()}`;
    try {
      await disk.makeDirectory(unfinished, 0o700);
      await disk.rename(unfinished, inPlace(place, free));
    } catch (error) {
      await disk.removeDirectory(unfinished).catch(() => false);
      throw error;
    }
    // Another process may have been faster with either folder.
    const made = await this.lookAt(place, inPlace(place, free));
    if (made?.group === group) return free;
    throw new SyncMediaError(
      'TRANSFER_FAILED',
      `A folder with the group of ${quotePath(at)} could not be made in ` +
        `${quotePath(inPlace(place, areas.tmp))}.`,
    );
  }

  /**
   * Observes the directory or its nearest existing parent. New directories below will have its
   * group.
   */
  private async lookUp(place: Place, directory: string): Promise<Looked> {
    for (let at = directory; ; at = at.slice(0, at.lastIndexOf('/'))) {
      const looked = await this.lookAt(place, at);
      if (looked !== undefined) return looked;
      if (at.length <= place.dirPath.length) return { at: place.dirPath, group: 'own', since: 0 };
    }
  }

  private async lookAt({ disk, dirPath }: Place, at: string): Promise<Looked | undefined> {
    const looks = this.looksAt(disk),
      before = looks.get(at),
      since = performance.now();
    if (before !== undefined && since - before.since < FRESH_MS) return before;
    // The sync dir itself may be a symlink.
    const found = await disk.stat(at === dirPath ? `${at}/.` : at);
    looks.delete(at);
    if (found?.kind !== 'directory') return undefined;
    const looked = { at, group: groupOf(found), since };
    looks.set(at, looked);
    const [oldest] = looks.keys();
    if (looks.size > LIMIT && oldest !== undefined) looks.delete(oldest);
    return looked;
  }

  private looksAt(disk: Disk): Map<string, Looked> {
    return getOrAdd(this.looks, disk);
  }

  private madeAt(disk: Disk): Map<string, string> {
    return getOrAdd(this.made, disk);
  }
}

function getOrAdd<V>(maps: WeakMap<Disk, Map<string, V>>, disk: Disk): Map<string, V> {
  const known = maps.get(disk) ?? new Map<string, V>();
  maps.set(disk, known);
  return known;
}

function directoryOf(place: Place, path: Path): string {
  const at = inPlace(place, belowDir(place, path));
  return at.slice(0, at.lastIndexOf('/'));
}

function keyOf({ dirPath }: Place, group: Group): string {
  return `${String(group)} ${dirPath}`;
}
