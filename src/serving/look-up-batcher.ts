import { Batcher } from '../util/batcher.js';
import type { PathLookup } from '../context/look-up.js';
import type { Path } from '../model/path.js';

/**
 * How many calls run at once. The rest of the driver's connections stay free for other requests.
 */
const concurrentCalls = 2;

/**
 * Batches look-ups for visitors: a few database calls at a time, each for all paths that were
 * requested while earlier calls were under way.
 *
 * Results are not cached, and no request gets the result of a call that was sent before it. An
 * upload may complete at any moment, and from then on no visitor may be told that it is missing.
 */
export class LookUpBatcher {
  private readonly batcher: Batcher<Path, PathLookup>;
  private waiting = 0;

  constructor(
    lookUpPaths: (paths: readonly Path[]) => Promise<(path: Path) => PathLookup>,
    private readonly limits: { readonly lookUpBatch: number; readonly lookUpQueue: number },
  ) {
    this.batcher = new Batcher(
      async (paths) => {
        const getKnown = await lookUpPaths([...new Set(paths)]);
        return paths.map((path) => ({ result: getKnown(path) }));
      },
      { items: limits.lookUpBatch, calls: concurrentCalls },
    );
  }

  /** Undefined if too many look-ups wait already. */
  async lookUp(path: Path): Promise<PathLookup | undefined> {
    if (this.waiting >= this.limits.lookUpQueue) return undefined;
    this.waiting++;
    try {
      return await this.batcher.add(path);
    } finally {
      this.waiting--;
    }
  }
}
