import type { Path, SyncDir, Unsynced } from '../model/words.js';
import { compileExclude, type Exclude } from './exclude.js';

/** The sync dirs of a site. They may be nested: the longest match rules a path. */
export class SyncDirs {
  private readonly dirs = new Map<string, { dir: SyncDir; exclude: Exclude }>();

  /** @throws BAD_OPTION if an exclude pattern is invalid */
  constructor(readonly list: readonly SyncDir[]) {
    for (const dir of list) this.dirs.set(dir.path, { dir, exclude: compileExclude(dir.exclude) });
  }

  /** Returns the sync dir that `path` lies in. A sync dir does not lie in itself. */
  of(path: Path): SyncDir | undefined {
    return this.find(path)?.dir;
  }

  byPath(dirPath: string): SyncDir | undefined {
    return this.dirs.get(dirPath)?.dir;
  }

  /**
   * Whether a rule excludes `path` or one of its parent directories. Paths outside of all sync
   * dirs count as excluded.
   */
  isExcluded(path: Path, isDirectory = false): boolean {
    const found = this.find(path);
    return (
      found === undefined ||
      found.exclude.isExcluded(path.slice(found.dir.path.length + 1), isDirectory)
    );
  }

  /** Says why this host does not sync the file at `path`; undefined if it does. */
  explain(path: Path): Unsynced | undefined {
    const found = this.find(path);
    if (found === undefined) return { path, why: 'not kept here' };
    const pattern = found.exclude.findPattern(path.slice(found.dir.path.length + 1), false);
    return pattern === undefined
      ? undefined
      : { path, why: 'excluded', syncDir: found.dir.path, pattern };
  }

  private find(path: string): { dir: SyncDir; exclude: Exclude } | undefined {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const found = this.dirs.get(path.slice(0, end));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
