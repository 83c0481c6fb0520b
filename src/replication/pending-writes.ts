/**
 * Tracks writes that run beside other work. Keeps the first failure for the caller that waits for
 * all of them.
 */
export class PendingWrites {
  private readonly underWay = new Set<Promise<void>>();
  private firstFailure: { readonly error: unknown } | undefined;

  get size(): number {
    return this.underWay.size;
  }

  add(work: Promise<void>): void {
    const storing = work
      .catch((error: unknown) => {
        this.firstFailure ??= { error };
      })
      .finally(() => {
        this.underWay.delete(storing);
      });
    this.underWay.add(storing);
  }

  /** @throws the first failure since the last call */
  async waitForAll(): Promise<void> {
    await Promise.all(this.underWay);
    const { firstFailure: broken } = this;
    this.firstFailure = undefined;
    if (broken) throw broken.error;
  }
}
