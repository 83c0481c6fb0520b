import { statfs } from 'node:fs/promises';

/**
 * File systems of a machine's own disks and memory, by the numbers that Linux gives them
 * (`linux/magic.h`, `statfs(2)`).
 */
const localFileSystems = new Set([
  0xef53 /* ext2 to ext4 */, 0x58465342 /* XFS */, 0x9123683e /* Btrfs */, 0xf2f52010 /* F2FS */,
  0xca451a4e /* bcachefs */, 0x2fc12fc1 /* ZFS */, 0x01021994 /* tmpfs */,
  0x794c7630 /* overlayfs */,
]);
/**
 * How long an answer is valid, in milliseconds. Another file system may be mounted there later.
 */
const validMs = 60_000;

/**
 * Tells which directories lie on a local disk. The kernel has recently written files of such a
 * disk in memory, so a synchronous call takes less time than waking another thread. A network
 * file system could block the thread and everything else in it. File systems that are mounted
 * below such a directory are not examined.
 */
export class LocalDisks {
  private readonly known = new Map<string, { isLocal: boolean; askedAt: number }>();

  /** @param readFileSystem returns the number of the file system that a directory lies on */
  constructor(
    private readonly readFileSystem: (dirPath: string) => Promise<number> = async (dirPath) =>
      (await statfs(dirPath)).type,
  ) {}

  /**
   * Whether the directory is known to lie on a local disk. False until the first answer has come,
   * and on systems that use other numbers. Never waits.
   */
  isLocal(dirPath: string): boolean {
    const known = this.known.get(dirPath);
    if (known && performance.now() - known.askedAt < validMs) return known.isLocal;
    const isLocal = known?.isLocal ?? false,
      asked = { isLocal, askedAt: performance.now() };
    this.known.set(dirPath, asked);
    // A directory that is missing or cannot be examined is not local.
    this.readFileSystem(dirPath)
      .then(
        (type) => localFileSystems.has(type >>> 0),
        () => false,
      )
      .then(
        (answer) => {
          asked.isLocal = answer;
        },
        () => undefined,
      );
    return isLocal;
  }
}
