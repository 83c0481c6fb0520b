import { hasCode } from '../errors/errors.js';
import type { Failure, HostId, Path } from '../words.js';
import { areas } from './areas.js';
import { isSameStat, type Disk, type DiskStat } from './disk.js';
import { checkMarker } from './marker.js';
import { findIgnoresCase } from './names.js';

interface Checked { readonly marker: DiskStat; readonly ignoresCase: boolean }

/**
 * Markers that were read and found right. While one is still the same file, by size and time, the next check takes one look instead of
 * reading it: a round trip instead of five on another host.
 */
export class CheckedMarkers {
  /** By disk: that of another host lasts as long as the connection to it. */
  private readonly right = new WeakMap<Disk, Map<string, Checked>>();

  /** Whether it was right when it was last looked at. */
  knows(disk: Disk, dirPath: string): boolean {
    return this.right.get(disk)?.has(dirPath) === true;
  }

  /** Whether it was found right, and is still the same file by this look. */
  isUnchanged(disk: Disk, dirPath: string, now: DiskStat | undefined): boolean {
    return now !== undefined && isSameStat(now, this.right.get(disk)?.get(dirPath)?.marker);
  }

  /** Whether the disk takes names that differ only by case for one, where its marker was found right. */
  ignoresCase(disk: Disk, dirPath: string): boolean {
    return this.right.get(disk)?.get(dirPath)?.ignoresCase === true;
  }

  /** As checkMarker. */
  async check(disk: Disk, dirPath: string, host: HostId, dir: Path): Promise<Failure | undefined> {
    const known = this.right.get(disk) ?? new Map<string, Checked>();
    this.right.set(disk, known);
    const now = await disk.stat(`${dirPath}/${areas.marker}`).catch((error: unknown) => {
      // The reading says more.
      if (hasCode(error, 'PERMISSION_DENIED')) return undefined;
      throw error;
    });
    if (now !== undefined && isSameStat(now, known.get(dirPath)?.marker)) return undefined;
    known.delete(dirPath);
    const [failure, ignoresCase] = await Promise.all([checkMarker(disk, dirPath, host, dir), findIgnoresCase({ disk, dirPath, dir })]);
    // As it was before it was read: where it was replaced meanwhile the next look finds another one.
    if (failure === undefined && now !== undefined) known.set(dirPath, { marker: now, ignoresCase });
    return failure;
  }
}
