/**
 * Tracks writes that run beside other work. Keeps the first failure for the caller that waits for
 * all of them.
 */
export class Storing {
  private readonly underWay = new Set<Promise<void>>();
  private broken: { readonly error: unknown } | undefined;

  get size(): number {
    return this.underWay.size;
  }

  add(work: Promise<void>): void {
    const storing = work
      .catch((error: unknown) => {
        this.broken ??= { error };
      })
      .finally(() => {
        this.underWay.delete(storing);
      });
    this.underWay.add(storing);
  }

  /** @throws the first failure since the last call */
  async finish(): Promise<void> {
    await Promise.all(this.underWay);
    const { broken } = this;
    this.broken = undefined;
    if (broken) throw broken.error;
  }
}
