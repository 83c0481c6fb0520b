/**
 * Admits at most `width` tasks at once. Up to `queue` more wait, each for at most `waitMs`
 * milliseconds. Further ones are refused at once.
 */
export class Semaphore {
  private busy = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly width: number,
    private readonly queue: number,
    private readonly waitMs: number,
  ) {}

  get hasFree(): boolean {
    return this.busy < this.width;
  }
  get isIdle(): boolean {
    return this.busy === 0 && this.waiting.size === 0;
  }

  /**
   * Waits for a slot and returns a function that frees it. Undefined if too many wait already, or
   * if no slot became free in time.
   */
  async acquire(): Promise<(() => void) | undefined> {
    if (this.hasFree) this.busy++;
    else if (this.waiting.size >= this.queue || !(await this.waitForSlot())) return undefined;
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      const [next] = this.waiting;
      if (next) next();
      else this.busy--;
    };
  }

  /** Resolves true when a slot is handed on to this task, false after `waitMs`. */
  private waitForSlot(): Promise<boolean> {
    return new Promise((resolve) => {
      const finishWaiting = (isGranted: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(grant);
        resolve(isGranted);
      };
      const grant = (): void => {
        finishWaiting(true);
      };
      const timer = setTimeout(() => {
        finishWaiting(false);
      }, this.waitMs).unref();
      this.waiting.add(grant);
    });
  }
}
