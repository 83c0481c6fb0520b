import type { Path } from '../words.js';
import { allows } from './wants.js';

/** Everything that says which directories a host opens. All of it lies on that host: no row of the database is among it. */
export interface OwnDirSources {
  /** Those that `init` listed (`host.json`); empty: no limit. */
  readonly allowed: readonly Path[];
  /** Those that models of this process declare. */
  readonly declared: readonly Path[];
  /** Those that models of this host's processes declared before, as the gate recorded them. */
  readonly opened: readonly Path[];
}

/** The sync dirs of a host: those that `init` listed, and as far as that list goes those that its models declare. */
export function chooseOwnDirs({ allowed, declared, opened }: OwnDirSources): Path[] {
  const syncDirs = [...allowed];
  return [...new Set([...allowed, ...declared, ...opened])].filter((dir) => allows({ syncDirs }, dir)).sort();
}
