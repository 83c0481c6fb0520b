import type { LeaderContext } from '../../context/leader-context.js';
import { areas, resolveInDir, toMilliseconds } from '../../replica/areas.js';
import { nodeDisk } from '../../replica/node-disk.js';
import { listRecoverableFiles } from '../../replica/recoverable.js';
import type { Path } from '../../model/path.js';
import type { SyncDir } from '../../model/sync-dir.js';
import type { LeaderJob } from '../leader-job.js';

/** More conflicts of a sync dir are not counted. */
const countLimit = 1_000;
/**
 * In milliseconds. A file comes into its folder shortly after the folder, whose date alone this job
 * watches.
 */
const settledMs = 60_000;
/** In milliseconds. A person may have removed a file from its folder by hand. */
const recountMs = 10 * 60_000;

interface DirCount {
  readonly count: number;
  /** The date of the folder, by the clock of its disk. */
  readonly changedAt: number;
  /** When this process first saw that date, and when it last counted. */
  readonly noticedAt: number;
  readonly countedAt: number;
}

/**
 * Stores how many conflicts this host has, so that the overview tells of them on every host. It
 * walks a sync dir's conflicts only after their folder changed, and writes only another number.
 */
export class ConflictCounter implements LeaderJob {
  readonly name = 'counting conflicts';
  private readonly counts = new Map<Path, DirCount>();

  constructor(
    private readonly context: Pick<LeaderContext, 'dirs' | 'registry' | 'replica'>,
    private readonly now = () => performance.now(),
  ) {}

  async poll(): Promise<void> {
    const { dirs, registry } = this.context;
    let total = 0;
    for (const dir of dirs.current().list) total += await this.countIn(dir);
    if (registry.me().conflicts !== total) await registry.recordConflicts(total);
  }

  private async countIn(dir: SyncDir): Promise<number> {
    const { replica } = this.context;
    const before = this.counts.get(dir.path);
    const location = { disk: nodeDisk, dirPath: replica.absolute(dir.path), dir: dir.path };
    try {
      // An unmounted sync dir says nothing about its conflicts.
      if (await replica.check(dir)) return before?.count ?? 0;
      const folder = await nodeDisk.stat(resolveInDir(location, areas.conflicts));
      if (!folder) return 0;
      const changedAt = toMilliseconds(folder),
        now = this.now();
      const same = before?.changedAt === changedAt ? before : undefined;
      if (same && isCurrent(same, now)) return same.count;
      const { length: count } = await listRecoverableFiles(location, 'conflicts', countLimit);
      const noticedAt = same?.noticedAt ?? now;
      this.counts.set(dir.path, { count, changedAt, noticedAt, countedAt: now });
      return count;
    } catch {
      // The scans report a disk that fails.
      return before?.count ?? 0;
    }
  }
}

function isCurrent({ noticedAt, countedAt }: DirCount, now: number): boolean {
  return countedAt >= noticedAt + settledMs && now < countedAt + recountMs;
}
