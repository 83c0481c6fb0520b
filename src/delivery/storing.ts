/** What is being stored beside other work. The first failure is kept for whoever waits for all of it. */
export class Storing {
  private readonly underWay = new Set<Promise<void>>();
  private broken: { readonly error: unknown } | undefined;

  get size(): number { return this.underWay.size; }

  add(work: Promise<void>): void {
    const storing = work.catch((error: unknown) => { this.broken ??= { error }; }).finally(() => { this.underWay.delete(storing); });
    this.underWay.add(storing);
  }

  /** @throws what something failed with since it was waited for last */
  async finish(): Promise<void> {
    await Promise.all(this.underWay);
    const { broken } = this;
    this.broken = undefined;
    if (broken) throw broken.error;
  }
}
