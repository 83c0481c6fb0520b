interface Waiting<T, R> {
  readonly item: T;
  resolve(this: void, result: R): void;
  reject(this: void, error: unknown): void;
}

/** The result of one item. Other items of the same call may have other results. */
export type Came<R> = { readonly result: R } | { readonly error: unknown };

/**
 * Carries out many small requests in few calls. A single request starts at once. Requests that
 * arrive while calls are under way go together in the next one. The number of callers bounds the
 * queue.
 *
 * @param carryOut answers each item, in order; an error that it throws is the answer to all of
 *   them
 */
export class Gathering<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private underWay = 0;

  constructor(
    private readonly carryOut: (items: readonly T[]) => Promise<readonly Came<R>[]>,
    private readonly limits: { readonly items: number; readonly calls: number },
  ) {}

  ask(item: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.begin();
    });
  }

  private begin(): void {
    if (this.waiting.length === 0 || this.underWay >= this.limits.calls) return;
    const some = this.waiting.splice(0, this.limits.items);
    this.underWay++;
    void this.call(some).finally(() => {
      this.underWay--;
      this.begin();
    });
  }

  private async call(some: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const came = await this.carryOut(some.map(({ item }) => item));
      some.forEach(({ resolve, reject }, index) => {
        const one = came[index];
        if (one !== undefined && 'result' in one) resolve(one.result);
        else reject(one?.error ?? new Error('it was not answered'));
      });
    } catch (error) {
      for (const { reject } of some) reject(error);
    }
  }
}
