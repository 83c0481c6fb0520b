import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { areas } from './areas.js';
import { DirCheckCache } from './dir-check-cache.js';
import { nodeDisk, statSynchronously } from './node-disk.js';
import type { LocalDisks } from './local-disks.js';
import { quotePath } from './paths.js';
import type { SyncDirs } from './sync-dirs.js';

interface OpenableContext {
  /**
   * Undefined on a machine without a host id. It has no markers, and serves only what its
   * application declares.
   */
  me(): HostId | undefined;
  absolute(path: Path): string;
  /** The sync dirs of this host, by its own settings. */
  dirs(): SyncDirs;
  readonly localDisks: LocalDisks;
}

/**
 * Decides whether this host may open a directory: it must be a sync dir of this host, with a
 * marker that names this host. All code that serves, hashes, sends, receives or scans asks here.
 */
export class OpenableDirs {
  private readonly dirChecks = new DirCheckCache();

  constructor(private readonly context: OpenableContext) {}

  /** Returns why this host may not open the directory. Throws only what the disk throws. */
  async check(dir: Path): Promise<Failure | undefined> {
    const { context } = this;
    if (!context.dirs().byPath(dir)) {
      return {
        code: 'BAD_SYNC_DIR',
        scope: 'host',
        retryable: true,
        message:
          `${quotePath(dir)} is no sync dir of this host: neither its \`init\` nor its ` +
          `models name it.`,
      };
    }
    const me = context.me();
    if (me === undefined || this.isOpenNow(dir)) return undefined;
    return this.dirChecks.checkMarker(nodeDisk, context.absolute(dir), me, dir);
  }

  /**
   * Whether the directory is known to be openable, without waiting. False if that cannot be known
   * at once.
   */
  isOpenNow(dir: Path): boolean {
    const { context } = this;
    if (!context.dirs().byPath(dir)) return false;
    if (context.me() === undefined) return true;
    const dirPath = context.absolute(dir);
    if (!this.dirChecks.hasMarker(nodeDisk, dirPath) || !context.localDisks.isLocal(dirPath))
      return false;
    try {
      return this.dirChecks.isMarkerUnchanged(
        nodeDisk,
        dirPath,
        statSynchronously(`${dirPath}/${areas.marker}`),
      );
    } catch {
      return false;
    }
  }
  /**
   * Whether its disk takes names that differ only by case as one name. Known once the directory
   * was found openable.
   */
  ignoresCase(dir: Path): boolean {
    return this.dirChecks.ignoresCase(nodeDisk, this.context.absolute(dir));
  }
}
