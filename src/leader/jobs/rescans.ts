import { getErrorMessage } from '../../model/errors.js';
import type { LeaderContext } from '../../context/leader-context.js';
import { Stopwatch } from '../../util/stopwatch.js';
import type { Path } from '../../model/path.js';
import type { LeaderJob } from '../leader-job.js';

interface DueRescan {
  storedAt: number;
  latest: number;
}

/**
 * A rescan waits until this many times the duration of the last one have passed. Time in which
 * the process or the machine was stopped does not count.
 */
const restFactor = 20;

/**
 * Schedules rescans after saves: one for any number of saves, a little later, to find files that
 * the app wrote beside the named ones. A save during the wait requests another rescan only if its
 * own delay ends after the rescan that is due.
 */
export class Rescans implements LeaderJob {
  readonly name = 'rescanning after saves';
  private readonly due = new Map<Path, DueRescan>();
  private readonly notBefore = new Map<Path, number>();
  private readonly ending = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private recording: Promise<void> | undefined;

  constructor(
    private readonly context: Pick<LeaderContext, 'events' | 'dirs' | 'registry' | 'scan'>,
  ) {}

  /** Schedules the rescans that an earlier process left. */
  start(): void {
    for (const [dir, due] of Object.entries(this.context.registry.me().rescans)) {
      this.due.set(dir as Path, { storedAt: due.getTime(), latest: due.getTime() });
    }
    this.schedule();
  }

  async request(dir: Path, afterSeconds: number): Promise<void> {
    const due = Date.now() + afterSeconds * 1000;
    // A rescan that is just being stored as done must not swallow this request.
    await this.recording?.catch(() => undefined);
    const rescan = this.due.get(dir);
    if (rescan && rescan.storedAt <= due) {
      rescan.latest = Math.max(rescan.latest, due);
      return;
    }
    await this.context.registry.storeRescan(dir, new Date(due));
    this.due.set(dir, { storedAt: due, latest: Math.max(due, rescan?.latest ?? 0) });
    this.schedule();
  }

  async close(): Promise<void> {
    this.ending.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  private computeDueAt(dir: Path, { storedAt }: DueRescan): number {
    return Math.max(storedAt, this.notBefore.get(dir) ?? 0);
  }

  /** Records that the rescan is done, unless a save has requested a later one. */
  private async recordDone(path: Path, { latest }: DueRescan, began: number): Promise<void> {
    await this.context.registry.storeRescan(path, latest > began ? new Date(latest) : undefined);
    if (latest > began) this.due.set(path, { storedAt: latest, latest });
    else this.due.delete(path);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.running || this.ending.signal.aborted || this.due.size === 0) return;
    const next = Math.min(...[...this.due].map(([dir, rescan]) => this.computeDueAt(dir, rescan)));
    this.timer = setTimeout(
      () => {
        this.running = this.run().finally(() => {
          this.running = undefined;
          this.schedule();
        });
      },
      Math.min(2 ** 31 - 1, Math.max(0, next - Date.now())),
    );
    this.timer.unref();
  }

  private async run(): Promise<void> {
    for (const [path, rescan] of [...this.due]) {
      if (this.ending.signal.aborted || this.computeDueAt(path, rescan) > Date.now()) continue;
      const began = Date.now(),
        stopwatch = new Stopwatch();
      const dir = this.context.dirs.current().byPath(path);
      try {
        if (dir) await this.context.scan(dir, this.ending.signal);
        this.recording = this.recordDone(path, this.due.get(path) ?? rescan, began);
        await this.recording;
        this.notBefore.set(path, Date.now() + restFactor * stopwatch.stop());
      } catch (error) {
        const tookMs = stopwatch.stop();
        if (this.ending.signal.aborted) return;
        // It stays due: the sync dir may be mounted again, the database may return.
        this.notBefore.set(path, Date.now() + 10_000 + restFactor * tookMs);
        this.context.events.emit('failed', {
          doing: `the rescan of ${path} (${getErrorMessage(error)})`,
          error,
        });
      }
    }
  }
}
