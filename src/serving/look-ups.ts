import { Gathering } from '../gathering.js';
import type { Known } from '../look-up.js';
import type { Path } from '../words.js';

/** The driver serves other requests meanwhile. */
const calls = 2;

/**
 * Look-ups for visitors: a few calls of the database at a time, each for all paths that were asked for while the ones before were under way.
 * Nothing is remembered, and nobody is given the answer of a call that was sent before he asked: an upload may be acknowledged at any moment,
 * and from then on nobody may be told that it is missing.
 */
export class LookUps {
  private readonly gathering: Gathering<Path, Known>;
  private waiting = 0;

  constructor(read: (paths: readonly Path[]) => Promise<(path: Path) => Known>, private readonly limits: { readonly lookUpBatch: number; readonly lookUpQueue: number }) {
    this.gathering = new Gathering(async (paths) => {
      const knownOf = await read([...new Set(paths)]);
      return paths.map((path) => ({ result: knownOf(path) }));
    }, { items: limits.lookUpBatch, calls });
  }

  /** Undefined where too many wait already. */
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
