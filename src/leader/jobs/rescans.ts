import { messageOf } from '../../model/errors.js';
import type { EventBus } from '../../model/events.js';
import { Stopwatch } from '../../util/stopwatch.js';
import type { Path, SyncDir } from '../../model/words.js';

export interface SweepingContext {
  readonly events: EventBus;
  dirs(): readonly SyncDir[];
  /** Reads the rescans that an earlier process left. */
  owed(): Promise<Readonly<Record<string, Date>>>;
  store(dir: Path, dueAt: Date | undefined): Promise<void>;
  scan(dir: SyncDir, signal: AbortSignal): Promise<void>;
}

interface Owed {
  storedAt: number;
  latest: number;
}

/**
 * A rescan waits until this many times the duration of the last one have passed. Time in which
 * the process or the machine was stopped does not count.
 */
const rest = 20;

/**
 * Schedules rescans after saves: one for any number of saves, a little later, to find files that
 * the app wrote beside the named ones. A save during the wait requests another rescan only if its
 * own delay ends after the rescan that is due.
 */
export class Sweeping {
  private readonly owed = new Map<Path, Owed>();
  private readonly notBefore = new Map<Path, number>();
  private readonly ending = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private settling: Promise<void> | undefined;

  constructor(private readonly context: SweepingContext) {}

  async start(): Promise<void> {
    for (const [dir, due] of Object.entries(await this.context.owed())) {
      this.owed.set(dir as Path, { storedAt: due.getTime(), latest: due.getTime() });
    }
    this.schedule();
  }

  async owe(dir: Path, afterSeconds: number): Promise<void> {
    const due = Date.now() + afterSeconds * 1000;
    // A rescan that is just being stored as done must not swallow this request.
    await this.settling?.catch(() => undefined);
    const owed = this.owed.get(dir);
    if (owed && owed.storedAt <= due) {
      owed.latest = Math.max(owed.latest, due);
      return;
    }
    await this.context.store(dir, new Date(due));
    this.owed.set(dir, { storedAt: due, latest: Math.max(due, owed?.latest ?? 0) });
    this.schedule();
  }

  async close(): Promise<void> {
    this.ending.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  private dueAt(dir: Path, { storedAt }: Owed): number {
    return Math.max(storedAt, this.notBefore.get(dir) ?? 0);
  }

  /** Records that the rescan is done, unless a save has requested a later one. */
  private async settle(path: Path, { latest }: Owed, began: number): Promise<void> {
    await this.context.store(path, latest > began ? new Date(latest) : undefined);
    if (latest > began) this.owed.set(path, { storedAt: latest, latest });
    else this.owed.delete(path);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.running || this.ending.signal.aborted || this.owed.size === 0) return;
    const next = Math.min(...[...this.owed].map(([dir, owed]) => this.dueAt(dir, owed)));
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
    for (const [path, owed] of [...this.owed]) {
      if (this.ending.signal.aborted || this.dueAt(path, owed) > Date.now()) continue;
      const began = Date.now(),
        stopwatch = new Stopwatch();
      const dir = this.context.dirs().find((known) => known.path === path);
      try {
        if (dir) await this.context.scan(dir, this.ending.signal);
        this.settling = this.settle(path, this.owed.get(path) ?? owed, began);
        await this.settling;
        this.notBefore.set(path, Date.now() + rest * stopwatch.stop());
      } catch (error) {
        const tookMs = stopwatch.stop();
        if (this.ending.signal.aborted) return;
        // It stays due: the sync dir may be mounted again, the database may return.
        this.notBefore.set(path, Date.now() + 10_000 + rest * tookMs);
        this.context.events.emit('failed', {
          doing: `the rescan of ${path} (${messageOf(error)})`,
          error,
        });
      }
    }
  }
}
