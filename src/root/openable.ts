import type { Failure, HostId, Path } from '../words.js';
import { areas } from './areas.js';
import { CheckedMarkers } from './checked-markers.js';
import { localDisk, statAgain } from './local-disk.js';
import type { NearDisks } from './near-disks.js';
import { quotePath } from './paths.js';
import type { SyncDirs } from './sync-dirs.js';

export interface OpenableContext {
  /** Undefined on a machine without a host id, which has no markers: it serves what its application declares, and nothing else. */
  me(): HostId | undefined;
  absolute(path: Path): string;
  /** The sync dirs of this host as it decides them by itself. */
  dirs(): SyncDirs;
  readonly nearDisks: NearDisks;
}

/**
 * The one answer to the question whether this host may open a directory: it is a sync dir of its own, and its marker names this host.
 * Whatever serves, hashes, sends, receives or scans asks here.
 */
export class Openable {
  private readonly markers = new CheckedMarkers();

  constructor(private readonly context: OpenableContext) {}

  /** What keeps this host from opening it. Throws only what the disk throws. */
  async check(dir: Path): Promise<Failure | undefined> {
    const { context } = this;
    if (!context.dirs().byPath(dir)) {
      return { code: 'BAD_SYNC_DIR', of: 'host', retryable: true, message: `${quotePath(dir)} is no sync dir of this host: neither its \`init\` nor its models name it.` };
    }
    const me = context.me();
    if (me === undefined || this.isOpenNow(dir)) return undefined;
    return this.markers.check(localDisk, context.absolute(dir), me, dir);
  }

  /** Whether it is known to be, from a look that waits for nothing. False where that cannot be told so. */
  isOpenNow(dir: Path): boolean {
    const { context } = this;
    if (!context.dirs().byPath(dir)) return false;
    if (context.me() === undefined) return true;
    const dirPath = context.absolute(dir);
    if (!this.markers.knows(localDisk, dirPath) || !context.nearDisks.has(dirPath)) return false;
    try {
      return this.markers.isUnchanged(localDisk, dirPath, statAgain(`${dirPath}/${areas.marker}`));
    } catch {
      return false;
    }
  }
  /** Whether its disk takes names that differ only by case for one, where it was found to be open. */
  ignoresCase(dir: Path): boolean {
    return this.markers.ignoresCase(localDisk, this.context.absolute(dir));
  }
}
