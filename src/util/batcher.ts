interface QueuedItem<T, R> {
  readonly item: T;
  readonly onStart: (() => void) | undefined;
  resolve(this: void, result: R): void;
  reject(this: void, error: unknown): void;
}

/** The result of one item. Other items of the same call may have other results. */
export type BatchResult<R> = { readonly result: R } | { readonly error: unknown };

/**
 * Carries out many small requests in few calls. A single request starts at once. Requests that
 * arrive while calls are under way go together in the next one. The number of callers bounds the
 * queue.
 *
 * @param carryOut answers each item, in order; an error that it throws is the answer to all of
 *   them
 */
export class Batcher<T, R> {
  private queue: QueuedItem<T, R>[] = [];
  private runningCalls = 0;

  constructor(
    private readonly runItems: (items: readonly T[]) => Promise<readonly BatchResult<R>[]>,
    private readonly limits: { readonly items: number; readonly calls: number },
  ) {}

  /** @param onStart called once the call that carries out the item was made */
  add(item: T, onStart?: () => void): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.queue.push({ item, onStart, resolve, reject });
      this.startNextBatch();
    });
  }

  private startNextBatch(): void {
    if (this.queue.length === 0 || this.runningCalls >= this.limits.calls) return;
    const batch = this.queue.splice(0, this.limits.items);
    this.runningCalls++;
    void this.runBatch(batch).finally(() => {
      this.runningCalls--;
      this.startNextBatch();
    });
    for (const { onStart } of batch) onStart?.();
  }

  private async runBatch(batch: readonly QueuedItem<T, R>[]): Promise<void> {
    try {
      const results = await this.runItems(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const one = results[index];
        if (one !== undefined && 'result' in one) resolve(one.result);
        else reject(one?.error ?? new Error('it was not answered'));
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
