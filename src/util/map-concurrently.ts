/**
 * Runs `work` for each item, at most `limit` at once. Returns the results in the order of the
 * items. After a failure nothing more is started, and the first failure is thrown once the running
 * calls have ended.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const runOne = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, runOne));
  if (failures.length > 0) throw failures[0];
  return results;
}

/**
 * Like `mapConcurrently`, but yields each result as soon as it is there, and takes items as it has
 * room for them.
 */
export async function* streamConcurrently<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running = new Map<number, Promise<{ id: number; result: R }>>();
  const next = items[Symbol.iterator]();
  let started = 0;
  const start = (): boolean => {
    const step: IteratorResult<T, unknown> = next.next();
    if (step.done === true) return false;
    const id = started++;
    running.set(id, preventUnhandled(work(step.value).then((result) => ({ id, result }))));
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

/**
 * Merges several generators, at most `limit` of them running at once, and yields values as they
 * come. The first error ends it, after the running calls have ended.
 */
export async function* mergeConcurrently<T>(
  sources: Iterable<AsyncGenerator<T>>,
  limit: number,
): AsyncGenerator<T, void, undefined> {
  interface Step {
    readonly source: AsyncGenerator<T>;
    readonly result: IteratorResult<T, unknown>;
  }
  const running = new Map<AsyncGenerator<T>, Promise<Step>>();
  const next = sources[Symbol.iterator]();
  const advance = (source: AsyncGenerator<T>): void => {
    running.set(source, preventUnhandled(source.next().then((result) => ({ source, result }))));
  };
  const start = (): boolean => {
    const one: IteratorResult<AsyncGenerator<T>, unknown> = next.next();
    if (one.done === true) return false;
    advance(one.value);
    return true;
  };
  try {
    while (running.size < limit && start());
    while (running.size > 0) {
      const { source, result } = await Promise.race(running.values());
      if (result.done === true) {
        running.delete(source);
        start();
        continue;
      }
      advance(source);
      yield result.value;
    }
  } finally {
    await Promise.allSettled(running.values());
    await Promise.allSettled([...running.keys()].map((source) => source.return(undefined)));
  }
}

/**
 * Prevents an unhandled rejection until the consumer asks for the result. The consumer still gets
 * the error.
 */
function preventUnhandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
