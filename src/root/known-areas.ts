import { areas, inPlace, lacksAreas, type Place } from './areas.js';
import { isSameStat, type Disk, type DiskStat } from './disk.js';

/**
 * Working folders that were all found. While the folder that they lie in has not changed, one look takes the place of five; by SFTP, which
 * tells seconds, what is removed in the second of the last change is missed, and missing to whoever needs it.
 */
export class KnownAreas {
  /** By disk: that of another host lasts as long as the connection to it. */
  private readonly found = new WeakMap<Disk, Map<string, DiskStat>>();

  /** As lacksAreas. */
  async lacks(place: Place): Promise<boolean> {
    const known = this.found.get(place.disk) ?? new Map<string, DiskStat>();
    this.found.set(place.disk, known);
    const now = await place.disk.stat(inPlace(place, areas.own));
    if (now !== undefined && isSameStat(now, known.get(place.dirPath))) return false;
    known.delete(place.dirPath);
    const lacks = now === undefined || await lacksAreas(place);
    // As it was before they were looked for.
    if (now !== undefined && !lacks) known.set(place.dirPath, now);
    return lacks;
  }
}
