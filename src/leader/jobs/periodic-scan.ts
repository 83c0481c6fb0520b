import { DAY_MS } from '../../model/clock.js';
import { hasErrorCode } from '../../model/errors.js';
import type { LeaderContext } from '../../context/leader-context.js';
import { Stopwatch } from '../../util/stopwatch.js';
import { DirectoryIds } from '../../replica/directory-ids.js';
import type { ScanScope } from '../../replica/scan.js';
import type { Path } from '../../model/path.js';
import type { SyncDir } from '../../model/sync-dir.js';
import type { LeaderJob } from '../leader-job.js';

/** A scan waits until this many times the duration of the last one have passed. */
const restFactor = 20;
/** In milliseconds, after a failure: the sync dir may be mounted again. */
const retryMs = 60_000;
/**
 * In milliseconds. The clock that dates directories ticks more slowly than the one this process
 * reads.
 */
const marginMs = 2_000;

/**
 * Finds changes that no save and no other host announced. It often scans the directories that
 * changed since the last scan. Once a day it scans everything, which also finds files that were
 * rewritten in place or are gone. One sync dir is scanned at a time.
 *
 * A directory that was moved to its place counts as changed, with everything below it. To
 * recognise one, the scan compares with the scan before. The first scan of a process has nothing
 * to compare with and treats no directory as moved.
 */
export class PeriodicScan implements LeaderJob {
  readonly name = 'scanning periodically';
  private readonly notBefore = new Map<Path, number>();
  private readonly knownDirs = new Map<Path, DirectoryIds>();
  /** How far the wall clock was ahead of the monotonic one at the last poll. */
  private clockLead: number | undefined;
  /** Sync dirs to scan as a whole, because the clock was set back. */
  private readonly undated = new Set<Path>();
  /** Sync dirs whose marker was missed by this leader. */
  private readonly unmarked = new Set<Path>();
  private readonly ending = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'config' | 'events' | 'tuning' | 'registry' | 'dirs' | 'ledger' | 'scan'
    >,
  ) {}

  pollThoroughly(): void {
    const { registry, dirs, tuning } = this.context;
    if (!tuning.scansPeriodically || registry.me().readyAt === undefined) return;
    this.watchClock();
    if (this.running || this.ending.signal.aborted) return;
    const due = dirs
      .current()
      .list.filter(({ path }) => (this.notBefore.get(path) ?? 0) <= performance.now());
    this.running = this.scanDue(due).finally(() => {
      this.running = undefined;
    });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  /** After the clock was set back, no date tells what changed since the last scan. */
  private watchClock(): void {
    const before = this.clockLead;
    this.clockLead = Date.now() - performance.now();
    if (before === undefined || this.clockLead > before - marginMs) return;
    this.notBefore.clear();
    for (const { path } of this.context.dirs.current().list) this.undated.add(path);
  }

  private async scanDue(dirs: readonly SyncDir[]): Promise<void> {
    for (const dir of dirs) {
      if (this.ending.signal.aborted) return;
      const stopwatch = new Stopwatch();
      try {
        if (await this.scanIfDue(dir))
          this.notBefore.set(dir.path, performance.now() + restFactor * stopwatch.stop());
      } catch (error) {
        if (this.ending.signal.aborted) return;
        this.notBefore.set(dir.path, performance.now() + retryMs);
        if (hasErrorCode(error, 'NO_MARKER') && this.isLeftToStart(dir.path)) continue;
        this.context.events.emit('failed', { doing: `the periodic scan of ${dir.path}`, error });
      } finally {
        stopwatch.stop();
      }
    }
  }

  /**
   * Whether the start of an application reports that a sync dir, which was never scanned, has no
   * marker: this host's setup problems name it. The first failure is left to a start that may
   * be in progress.
   */
  private isLeftToStart(path: Path): boolean {
    const { scans, setup = [] } = this.context.registry.me();
    const isFirst = !this.unmarked.has(path);
    this.unmarked.add(path);
    return scans?.[path] === undefined && (isFirst || setup.some(({ about }) => about === path));
  }

  private async scanIfDue(dir: SyncDir): Promise<boolean> {
    const { config, registry, ledger, tuning } = this.context,
      { scanAllMs, scanChangedMs, tombstoneMs } = tuning;
    const now = new Date();
    const last = registry.me().scans?.[dir.path];
    // A new sync dir: existing files are left to an adoption, a push or the daily scan.
    if (!last) {
      await this.scan(dir, { changedSince: now.getTime() - marginMs });
      await registry.recordScan(dir.path, { all: now, changed: now });
      return true;
    }
    // A date to come shows a clock that was set back before this leader began.
    const isUndated = this.undated.has(dir.path) || last.changed > now;
    if (isPast(last.all, scanAllMs, now) || isUndated) {
      await this.scan(dir, {});
      const kept = now.getTime() - config.history.days * DAY_MS;
      await ledger.forgetTombstones(
        dir.path,
        new Date(now.getTime() - tombstoneMs),
        new Date(kept),
      );
      await registry.recordScan(dir.path, { all: now, changed: now });
      this.undated.delete(dir.path);
      return true;
    }
    if (!isPast(last.changed, scanChangedMs, now)) return false;
    // The first scan of a leader knows no directories yet and treats none as new, because files
    // of a new sync dir are left to `adopt`.
    const knownDirs = this.knownDirs.get(dir.path);
    await this.scan(dir, {
      changedSince: last.changed.getTime() - marginMs,
      ...(knownDirs && { known: knownDirs }),
    });
    await registry.recordScan(dir.path, { ...last, changed: now });
    return true;
  }

  /** The directories count as known once everything in them has reached the ledger. */
  private async scan(dir: SyncDir, scope: ScanScope): Promise<void> {
    const walked = new DirectoryIds();
    await this.context.scan(dir, this.ending.signal, { ...scope, walked });
    this.knownDirs.set(dir.path, walked);
  }
}

/** A date in the future comes from a clock that was set back since. */
function isPast(date: Date, ms: number, now: Date): boolean {
  return now.getTime() - date.getTime() >= ms || date > now;
}
