import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import { areas, resolveInDir, newName, type SyncDirLocation } from './areas.js';
import type { Disk, DiskStat } from './disk.js';
import { getPathInDir } from './parents.js';
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
type FileGroup = number | 'own';

function getFileGroup({ mode, gid }: DiskStat): FileGroup {
  return (mode & SETGID) === 0 ? 'own' : gid;
}

interface ObservedDir {
  readonly at: string;
  readonly group: FileGroup;
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
  private readonly observedDirs = new WeakMap<Disk, Map<string, ObservedDir>>();
  private readonly madeFolders = new WeakMap<Disk, Map<string, string>>();
  private readonly pendingFolders = new WeakMap<Disk, Map<string, Promise<string>>>();

  /** Returns what `find` would most likely return, without asking the disk. */
  guess(location: SyncDirLocation, path: Path): string {
    return this.findKnown(location, path) ?? areas.tmp;
  }

  private findKnown(location: SyncDirLocation, path: Path): string | undefined {
    const observedDirs = this.getObservedDirs(location.disk);
    let at = getDirectory(location, path);
    while (!observedDirs.has(at) && at.length > location.dirPath.length)
      at = at.slice(0, at.lastIndexOf('/'));
    const observed = observedDirs.get(at),
      tmp = observedDirs.get(resolveInDir(location, areas.tmp));
    if (observed === undefined || tmp === undefined) return undefined;
    return observed.group === tmp.group
      ? areas.tmp
      : this.getMadeFolders(location.disk).get(makeGroupKey(location, observed.group));
  }

  /**
   * Observes which group a file at `path` would get. After it `find` needs no round trip, unless
   * it must make a folder. Makes nothing.
   */
  async prefetch(location: SyncDirLocation, path: Path): Promise<void> {
    await Promise.all([
      this.findExistingDir(location, getDirectory(location, path)),
      this.observeDir(location, resolveInDir(location, areas.tmp)),
    ]);
  }

  /**
   * Finds or makes the folder, relative to the sync dir, for a file that will be placed at
   * `path`.
   *
   * @throws what the disk throws
   */
  async find(location: SyncDirLocation, path: Path): Promise<string> {
    const [{ group, at }, tmp] = await Promise.all([
      this.findExistingDir(location, getDirectory(location, path)),
      this.observeDir(location, resolveInDir(location, areas.tmp)),
    ]);
    if (tmp === undefined || tmp.group === group) return areas.tmp;
    const folder = `${areas.tmp}/${group === 'own' ? 'own' : `group-${String(group)}`}`;
    const key = `${location.dirPath}/${folder}`;
    const pendingFolders = getOrAdd(this.pendingFolders, location.disk);
    const before = pendingFolders.get(key);
    if (before !== undefined) return before;
    const making = this.makeGroupFolder(location, folder, { group, at }).finally(() => {
      pendingFolders.delete(key);
    });
    pendingFolders.set(key, making);
    const made = await making;
    this.getMadeFolders(location.disk).set(makeGroupKey(location, group), made);
    return made;
  }

  /** Forgets all folders of a disk, because one turned out to be missing. */
  forget({ disk }: SyncDirLocation): void {
    this.observedDirs.delete(disk);
    this.madeFolders.delete(disk);
  }

  private async makeGroupFolder(
    location: SyncDirLocation,
    folder: string,
    { group, at }: Pick<ObservedDir, 'group' | 'at'>,
  ): Promise<string> {
    const { disk } = location;
    const found = await this.observeDir(location, resolveInDir(location, folder));
    if (found?.group === group) return folder;
    const unfinished = `${at}/${NEW_FOLDER}`;
    // A folder of another group may still be in use. The cleaning of the tmp area removes it.
    const free = found === undefined ? folder : `${areas.tmp}/${newName()}`;
    try {
      await disk.makeDirectory(unfinished, 0o700);
      await disk.rename(unfinished, resolveInDir(location, free));
    } catch (error) {
      await disk.removeDirectory(unfinished).catch(() => false);
      throw error;
    }
    // Another process may have been faster with either folder.
    const made = await this.observeDir(location, resolveInDir(location, free));
    if (made?.group === group) return free;
    throw new SyncMediaError(
      'TRANSFER_FAILED',
      `A folder with the group of ${quotePath(at)} could not be made in ` +
        `${quotePath(resolveInDir(location, areas.tmp))}.`,
    );
  }

  /**
   * Observes the directory or its nearest existing parent. New directories below will have its
   * group.
   */
  private async findExistingDir(
    location: SyncDirLocation,
    directory: string,
  ): Promise<ObservedDir> {
    for (let at = directory; ; at = at.slice(0, at.lastIndexOf('/'))) {
      const observed = await this.observeDir(location, at);
      if (observed !== undefined) return observed;
      if (at.length <= location.dirPath.length)
        return { at: location.dirPath, group: 'own', since: 0 };
    }
  }

  private async observeDir(
    { disk, dirPath }: SyncDirLocation,
    at: string,
  ): Promise<ObservedDir | undefined> {
    const observedDirs = this.getObservedDirs(disk),
      before = observedDirs.get(at),
      since = performance.now();
    if (before !== undefined && since - before.since < FRESH_MS) return before;
    // The sync dir itself may be a symlink.
    const found = await disk.stat(at === dirPath ? `${at}/.` : at);
    observedDirs.delete(at);
    if (found?.kind !== 'directory') return undefined;
    const observed = { at, group: getFileGroup(found), since };
    observedDirs.set(at, observed);
    const [oldest] = observedDirs.keys();
    if (observedDirs.size > LIMIT && oldest !== undefined) observedDirs.delete(oldest);
    return observed;
  }

  private getObservedDirs(disk: Disk): Map<string, ObservedDir> {
    return getOrAdd(this.observedDirs, disk);
  }

  private getMadeFolders(disk: Disk): Map<string, string> {
    return getOrAdd(this.madeFolders, disk);
  }
}

function getOrAdd<V>(maps: WeakMap<Disk, Map<string, V>>, disk: Disk): Map<string, V> {
  const known = maps.get(disk) ?? new Map<string, V>();
  maps.set(disk, known);
  return known;
}

function getDirectory(location: SyncDirLocation, path: Path): string {
  const at = resolveInDir(location, getPathInDir(location, path));
  return at.slice(0, at.lastIndexOf('/'));
}

function makeGroupKey({ dirPath }: SyncDirLocation, group: FileGroup): string {
  return `${String(group)} ${dirPath}`;
}
