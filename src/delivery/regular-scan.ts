import type { EventBus } from '../events.js';
import { Stopwatch } from '../stopwatch.js';
import { DirectoryIds } from '../root/directory-ids.js';
import type { ScanScope } from '../root/scan.js';
import type { Host, Path, ScanTimes, SyncDir } from '../words.js';

export interface RegularScanContext {
  readonly events: EventBus;
  readonly tuning: { readonly scanChangedMs: number; readonly scanAllMs: number; readonly tombstoneMs: number };
  me(): Host;
  dirs(): readonly SyncDir[];
  record(dir: Path, times: ScanTimes): Promise<void>;
  scan(dir: SyncDir, signal: AbortSignal, scope: ScanScope): Promise<void>;
  /** Forgets what was deleted before then, where every host knows of it. */
  forgetTombstones(dir: Path, before: Date): Promise<void>;
}

/** A scan waits until this many times what the last one took have passed. */
const rest = 20;
/** After a failure; the sync dir may be mounted again. In milliseconds. */
const patienceMs = 60_000;
/** The clock that dates directories ticks more slowly than the one that is read. In milliseconds. */
const marginMs = 2_000;

/**
 * What no save and no other host told of is found by looking: often at the directories that changed since the last look, once a day at
 * everything, which also finds files that were written in place or are gone. One sync dir at a time.
 *
 * A directory that was moved to where it is counts as changed, with everything below it. To know one it compares with the scan before;
 * the first scan of a process knows none, and looks at everything.
 */
export class RegularScan {
  private readonly notBefore = new Map<Path, number>();
  private readonly known = new Map<Path, DirectoryIds>();
  private readonly ending = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly context: RegularScanContext) {}

  poll(): void {
    if (this.running || this.ending.signal.aborted || this.context.me().readyAt === undefined) return;
    const due = this.context.dirs().filter(({ path }) => (this.notBefore.get(path) ?? 0) <= performance.now());
    this.running = this.run(due).finally(() => { this.running = undefined; });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async run(dirs: readonly SyncDir[]): Promise<void> {
    for (const dir of dirs) {
      if (this.ending.signal.aborted) return;
      const stopwatch = new Stopwatch();
      try {
        if (await this.look(dir)) this.notBefore.set(dir.path, performance.now() + rest * stopwatch.stop());
      } catch (error) {
        if (this.ending.signal.aborted) return;
        this.notBefore.set(dir.path, performance.now() + patienceMs);
        this.context.events.emit('failed', { doing: `the regular scan of ${dir.path}`, error });
      } finally {
        stopwatch.stop();
      }
    }
  }

  private async look(dir: SyncDir): Promise<boolean> {
    const { context } = this, { scanAllMs, scanChangedMs, tombstoneMs } = context.tuning;
    const now = new Date();
    const last = context.me().scans?.[dir.path];
    // Newly a sync dir: what lies there already is left to an adoption or a push, or is found in a day.
    if (!last) {
      await this.scan(dir, { changedSince: now.getTime() - marginMs });
      await context.record(dir.path, { all: now, changed: now });
      return true;
    }
    if (isPast(last.all, scanAllMs, now)) {
      await this.scan(dir, {});
      await context.forgetTombstones(dir.path, new Date(now.getTime() - tombstoneMs));
      await context.record(dir.path, { all: now, changed: now });
      return true;
    }
    if (!isPast(last.changed, scanChangedMs, now)) return false;
    // The first scan of a leader knows no directories yet. To it none is new, as files that lie in a new sync dir are left to `adopt`.
    const known = this.known.get(dir.path);
    await this.scan(dir, { changedSince: last.changed.getTime() - marginMs, ...(known && { known }) });
    await context.record(dir.path, { ...last, changed: now });
    return true;
  }

  /** The directories count as known once everything in them has reached the ledger. */
  private async scan(dir: SyncDir, scope: ScanScope): Promise<void> {
    const walked = new DirectoryIds();
    await this.context.scan(dir, this.ending.signal, { ...scope, walked });
    this.known.set(dir.path, walked);
  }
}

/** A date in the future is of a clock that was set back since. */
function isPast(date: Date, ms: number, now: Date): boolean {
  return now.getTime() - date.getTime() >= ms || date > now;
}
