import { Gathering } from '../util/batcher.js';
import type { Known } from '../context/look-up.js';
import type { Path } from '../model/words.js';

/**
 * How many calls run at once. The rest of the driver's connections stay free for other requests.
 */
const calls = 2;

/**
 * Batches look-ups for visitors: a few database calls at a time, each for all paths that were
 * requested while earlier calls were under way.
 *
 * Results are not cached, and no request gets the result of a call that was sent before it. An
 * upload may complete at any moment, and from then on no visitor may be told that it is missing.
 */
export class LookUps {
  private readonly gathering: Gathering<Path, Known>;
  private waiting = 0;

  constructor(
    read: (paths: readonly Path[]) => Promise<(path: Path) => Known>,
    private readonly limits: { readonly lookUpBatch: number; readonly lookUpQueue: number },
  ) {
    this.gathering = new Gathering(
      async (paths) => {
        const knownOf = await read([...new Set(paths)]);
        return paths.map((path) => ({ result: knownOf(path) }));
      },
      { items: limits.lookUpBatch, calls },
    );
  }

  /** Undefined if too many look-ups wait already. */
  async find(path: Path): Promise<Known | undefined> {
    if (this.waiting >= this.limits.lookUpQueue) return undefined;
    this.waiting++;
    try {
      return await this.gathering.ask(path);
    } finally {
      this.waiting--;
    }
  }
}
