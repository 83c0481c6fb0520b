/** Runs `work` for each item, at most `limit` at once, and gives the results as they come. The first throw ends it, after what runs. */
export async function* inParallel<T, R>(items: Iterable<T>, limit: number, work: (item: T) => Promise<R>): AsyncGenerator<R, void, undefined> {
  const running = new Map<number, Promise<{ id: number; result: R }>>();
  const next = items[Symbol.iterator]();
  let started = 0;
  const start = (): boolean => {
    const step: IteratorResult<T, unknown> = next.next();
    if (step.done === true) return false;
    const id = started++;
    running.set(id, work(step.value).then((result) => ({ id, result })));
    return true;
  };
  try {
    while (running.size < limit && start());
    while (running.size > 0) {
      const { id, result } = await Promise.race(running.values());
      running.delete(id);
      start();
      yield result;
    }
  } finally {
    await Promise.allSettled(running.values());
  }
}
