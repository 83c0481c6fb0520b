import type { Tuning } from '../config/config.js';
import { computeBackoff } from '../decisions/backoff.js';
import type { Failure } from '../model/failure.js';
import type { Path } from '../model/path.js';

interface DirFailure {
  readonly failure: Failure;
  readonly since: Date;
  readonly nextTryAt: Date;
}

/**
 * Sync dirs of a host that fail now, because one is not mounted or not marked yet, while the rest
 * of the host works. Each has its own backoff, so it delays no other.
 */
export class FailingDirs {
  private readonly dirs = new Map<Path, DirFailure & { failures: number; until: number }>();

  constructor(private readonly tuning: Pick<Tuning, 'backoffMs' | 'backoffMaxMs'>) {}

  /** @returns when the sync dir is tried again */
  recordFailure(dir: Path, failure: Failure): Date {
    const before = this.dirs.get(dir);
    const failures = (before?.failures ?? 0) + 1;
    const waitMs = computeBackoff(
      failures,
      this.tuning.backoffMs,
      this.tuning.backoffMaxMs,
      Math.random(),
    );
    const now = Date.now(),
      nextTryAt = new Date(now + waitMs);
    this.dirs.set(dir, {
      failure,
      since: before?.since ?? new Date(now),
      nextTryAt,
      failures,
      until: performance.now() + waitMs,
    });
    return nextTryAt;
  }

  /** Forgets the failure of a sync dir. Returns whether it had been failing. */
  clear(dir: Path): boolean {
    return this.dirs.delete(dir);
  }

  isWaiting(dir: Path): boolean {
    return (this.dirs.get(dir)?.until ?? 0) > performance.now();
  }

  /** Lists the sync dirs whose retry is not due yet. */
  listWaiting(): Path[] {
    return [...this.dirs.keys()].filter((dir) => this.isWaiting(dir));
  }

  /** Lists the sync dirs whose retry is due. */
  listDue(): Path[] {
    return [...this.dirs.keys()].filter((dir) => !this.isWaiting(dir));
  }

  /** Makes all retries due now; a person requested it. */
  retryNow(): void {
    for (const [dir, failing] of this.dirs) this.dirs.set(dir, { ...failing, until: 0 });
  }

  /** Finds the sync dir that has failed longest, for the status. */
  findOldest(): DirFailure | undefined {
    return [...this.dirs.values()].sort((a, b) => a.since.getTime() - b.since.getTime())[0];
  }
}
