import { hasErrorCode } from '../model/errors.js';
import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { areas } from './areas.js';
import { isSameStat, type Disk, type DiskStat } from './disk.js';
import { checkMarker } from './marker.js';
import { detectIgnoresCase } from './names.js';

interface CheckedMarker {
  readonly marker: DiskStat;
  readonly ignoresCase: boolean;
}

/**
 * Remembers markers that were read and found valid. While a marker is the same file, by size and
 * time, a check takes one stat instead of a read. On another host that is one round trip instead
 * of five.
 */
export class CheckedMarkers {
  /** By disk. The disk of another host lasts as long as the connection to it. */
  private readonly valid = new WeakMap<Disk, Map<string, CheckedMarker>>();

  /** Whether the marker was valid at its last check. */
  has(disk: Disk, dirPath: string): boolean {
    return this.valid.get(disk)?.has(dirPath) === true;
  }

  /** Whether the marker was found valid and `now` shows the same file. */
  isUnchanged(disk: Disk, dirPath: string, now: DiskStat | undefined): boolean {
    return now !== undefined && isSameStat(now, this.valid.get(disk)?.get(dirPath)?.marker);
  }

  /**
   * Whether the disk takes names that differ only by case as one name. Known once the marker was
   * found valid.
   */
  ignoresCase(disk: Disk, dirPath: string): boolean {
    return this.valid.get(disk)?.get(dirPath)?.ignoresCase === true;
  }

  /** Does the same as `checkMarker`. */
  async check(disk: Disk, dirPath: string, host: HostId, dir: Path): Promise<Failure | undefined> {
    const known = this.valid.get(disk) ?? new Map<string, CheckedMarker>();
    this.valid.set(disk, known);
    const now = await disk.stat(`${dirPath}/${areas.marker}`).catch((error: unknown) => {
      // Reading the marker gives the better message.
      if (hasErrorCode(error, 'PERMISSION_DENIED')) return undefined;
      throw error;
    });
    if (now !== undefined && isSameStat(now, known.get(dirPath)?.marker)) return undefined;
    known.delete(dirPath);
    const [failure, ignoresCase] = await Promise.all([
      checkMarker(disk, dirPath, host, dir),
      detectIgnoresCase({ disk, dirPath, dir }),
    ]);
    // The stat from before the read is stored: if the marker is replaced meanwhile, the next
    // check sees another file.
    if (failure === undefined && now !== undefined)
      known.set(dirPath, { marker: now, ignoresCase });
    return failure;
  }
}
