import type { Backend } from '../backends/backend.js';
import type { Host, Path, Seen, SyncDir } from '../words.js';

export interface ForeseeingContext {
  readonly backend: Pick<Backend, 'stage'>;
  dirOf(path: Path): SyncDir | undefined;
  /** Hosts that want the path, and whose lanes have nothing else to do. */
  idleHosts(path: Path): readonly Host[];
}

/**
 * Sends new small files ahead, into the tmp areas of hosts that are idle, while their entries are still on the way to the database: once the
 * ledger has the version they only have to be placed. Nobody waits for it, and nothing depends on it.
 */
export class Foreseeing {
  constructor(private readonly context: ForeseeingContext) {}

  /** @param seen with its sha256: a version of this content is about to be stored */
  send(path: Path, seen: Seen): void {
    const { context } = this, dir = context.dirOf(path);
    if (!dir) return;
    for (const host of context.idleHosts(path)) context.backend.stage?.(host, { path, dir, facts: seen });
  }
}
