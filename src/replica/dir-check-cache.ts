import { hasErrorCode } from '../model/errors.js';
import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { areas, lacksAreas, resolveInDir, type SyncDirLocation } from './areas.js';
import { isSameStat, type Disk, type DiskStat } from './disk.js';
import { checkMarker } from './marker.js';
import { detectIgnoresCase } from './names.js';

/**
 * Remembers sync dirs whose marker and working folders were found, on this host and on others.
 * While the marker is the same file, by size and time, a check takes one stat instead of a read:
 * on another host one round trip instead of five. While the common parent of the working folders
 * has not changed, one stat replaces five.
 */
export class DirCheckCache {
  private readonly markers = new UnchangedFindings<{ readonly ignoresCase: boolean }>();
  private readonly foundAreas = new UnchangedFindings<true>();

  /** Whether the marker was valid at its last check. */
  hasMarker(disk: Disk, dirPath: string): boolean {
    return this.markers.find(disk, dirPath) !== undefined;
  }

  /** Whether the marker was found valid and `now` shows the same file. */
  isMarkerUnchanged(disk: Disk, dirPath: string, now: DiskStat | undefined): boolean {
    const known = this.markers.find(disk, dirPath);
    return now !== undefined && isSameStat(now, known?.stat);
  }

  /**
   * Whether the disk takes names that differ only by case as one name. Known once the marker was
   * found valid.
   */
  ignoresCase(disk: Disk, dirPath: string): boolean {
    return this.markers.find(disk, dirPath)?.value.ignoresCase === true;
  }

  /** Does the same as `checkMarker`. */
  async checkMarker(
    disk: Disk,
    dirPath: string,
    host: HostId,
    dir: Path,
  ): Promise<Failure | undefined> {
    let failure: Failure | undefined;
    const look = async (): Promise<{ ignoresCase: boolean } | undefined> => {
      const [failed, ignoresCase] = await Promise.all([
        checkMarker(disk, dirPath, host, dir),
        detectIgnoresCase({ disk, dirPath, dir }),
      ]);
      failure = failed;
      return failed === undefined ? { ignoresCase } : undefined;
    };
    const stat = await disk.stat(`${dirPath}/${areas.marker}`).catch((error: unknown) => {
      // Reading the marker gives the better message.
      if (hasErrorCode(error, 'PERMISSION_DENIED')) return undefined;
      throw error;
    });
    await this.markers.confirm(disk, dirPath, stat, look);
    return failure;
  }

  /**
   * Does the same as `lacksAreas`. SFTP times have whole seconds, so a folder that is removed in
   * the second of the last change is missed, until an operation fails without it.
   */
  async lacksAreas(location: SyncDirLocation): Promise<boolean> {
    const { disk, dirPath } = location;
    const stat = await disk.stat(resolveInDir(location, areas.own));
    const found = await this.foundAreas.confirm(disk, dirPath, stat, async () =>
      stat === undefined || (await lacksAreas(location)) ? undefined : true,
    );
    return found === undefined;
  }
}

/** What was found in sync dirs, valid while a stat that was taken before the look is unchanged. */
class UnchangedFindings<T> {
  /** By disk. The disk of another host lasts as long as the connection to it. */
  private readonly found = new WeakMap<Disk, Map<string, { stat: DiskStat; value: T }>>();

  find(disk: Disk, dirPath: string): { readonly stat: DiskStat; readonly value: T } | undefined {
    return this.found.get(disk)?.get(dirPath);
  }

  /** Returns the known finding if `stat` is unchanged. Otherwise looks again, and remembers it. */
  async confirm(
    disk: Disk,
    dirPath: string,
    stat: DiskStat | undefined,
    look: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const known = this.found.get(disk) ?? new Map<string, { stat: DiskStat; value: T }>();
    this.found.set(disk, known);
    const before = known.get(dirPath);
    if (before !== undefined && stat !== undefined && isSameStat(stat, before.stat))
      return before.value;
    known.delete(dirPath);
    const value = await look();
    // The stat from before the look is stored: a change during the look is seen by the next one.
    if (value !== undefined && stat !== undefined) known.set(dirPath, { stat, value });
    return value;
  }
}
