import { areas, resolveInDir, lacksAreas, type SyncDirLocation } from './areas.js';
import { isSameStat, type Disk, type DiskStat } from './disk.js';

/**
 * Remembers sync dirs whose working folders were all found. While their common parent has not
 * changed, one stat replaces five. SFTP times have whole seconds. So a folder that is removed in
 * the second of the last change is missed, until an operation fails without it.
 */
export class KnownAreas {
  /** By disk. The disk of another host lasts as long as the connection to it. */
  private readonly found = new WeakMap<Disk, Map<string, DiskStat>>();

  /** Does the same as `lacksAreas`. */
  async lacks(location: SyncDirLocation): Promise<boolean> {
    const known = this.found.get(location.disk) ?? new Map<string, DiskStat>();
    this.found.set(location.disk, known);
    const now = await location.disk.stat(resolveInDir(location, areas.own));
    if (now !== undefined && isSameStat(now, known.get(location.dirPath))) return false;
    known.delete(location.dirPath);
    const lacks = now === undefined || (await lacksAreas(location));
    // The stat from before the search is stored, so a later change is seen.
    if (now !== undefined && !lacks) known.set(location.dirPath, now);
    return lacks;
  }
}
