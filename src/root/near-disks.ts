import { statfs } from 'node:fs/promises';

/** File systems of a machine's own disks and memory, by the numbers that Linux gives them (`linux/magic.h`, `statfs(2)`). */
const near = new Set([
  0xef53 /* ext2 to ext4 */, 0x58465342 /* XFS */, 0x9123683e /* Btrfs */, 0xf2f52010 /* F2FS */, 0xca451a4e /* bcachefs */,
  0x2fc12fc1 /* ZFS */, 0x01021994 /* tmpfs */, 0x794c7630 /* overlayfs */,
]);
/** How long an answer counts: something else may be mounted there meanwhile. In milliseconds. */
const countsMs = 60_000;

/**
 * Which directories lie on a disk of this machine. What was just written there the kernel has in memory, and asking it takes less than
 * waking another thread; a network file system may keep whoever asks waiting, and with it everything else in its thread. What is mounted
 * below such a directory is not asked for by itself.
 */
export class NearDisks {
  private readonly known = new Map<string, { isNear: boolean; askedAt: number }>();

  /** @param fileSystemOf the number of the file system that a directory lies on */
  constructor(private readonly fileSystemOf: (dirPath: string) => Promise<number> = async (dirPath) => (await statfs(dirPath)).type) {}

  /** As far as is known: false until the first answer has come, and where the system gives other numbers. Waits for nothing. */
  has(dirPath: string): boolean {
    const known = this.known.get(dirPath);
    if (known && performance.now() - known.askedAt < countsMs) return known.isNear;
    const isNear = known?.isNear ?? false, asked = { isNear, askedAt: performance.now() };
    this.known.set(dirPath, asked);
    // What is missing or cannot be asked is not near.
    this.fileSystemOf(dirPath).then((type) => near.has(type >>> 0), () => false).then((answer) => { asked.isNear = answer; }, () => undefined);
    return isNear;
  }
}
