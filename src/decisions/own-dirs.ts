import type { Path } from '../model/path.js';
import { allowsPath } from './wants.js';

/**
 * The sources that decide which directories a host opens. All of them lie on that host; none is a
 * row of the database.
 */
interface OwnDirSources {
  /** Sync dirs that `init` listed (`host.json`). Empty means no limit. */
  readonly allowed: readonly Path[];
  /** Sync dirs that models of this process declare. */
  readonly declared: readonly Path[];
  /**
   * Sync dirs that models of other processes of this host declared earlier, as the gate recorded
   * them.
   */
  readonly opened: readonly Path[];
}

/**
 * The sync dirs of a host: those that `init` listed, and those that its models declare within
 * that list.
 */
export function chooseOwnDirs({ allowed, declared, opened }: OwnDirSources): Path[] {
  const syncDirs = [...allowed];
  return [...new Set([...allowed, ...declared, ...opened])]
    .filter((dir) => allowsPath({ syncDirs }, dir))
    .sort();
}
