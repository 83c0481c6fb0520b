import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { UnsyncedFile } from '../model/capture.js';
import { compileExclude, type ExcludeMatcher } from './exclude.js';

/** The sync dirs of a site. They may be nested: the longest match rules a path. */
export class SyncDirs {
  private readonly dirs = new Map<string, { dir: SyncDir; exclude: ExcludeMatcher }>();

  /** @throws BAD_OPTION if an exclude pattern is invalid */
  constructor(readonly list: readonly SyncDir[]) {
    for (const dir of list) this.dirs.set(dir.path, { dir, exclude: compileExclude(dir.exclude) });
  }

  /** Returns the sync dir that `path` lies in. A sync dir does not lie in itself. */
  findFor(path: Path): SyncDir | undefined {
    return this.findRule(path)?.dir;
  }

  byPath(dirPath: string): SyncDir | undefined {
    return this.dirs.get(dirPath)?.dir;
  }

  /**
   * Whether a rule excludes `path` or one of its parent directories. Paths outside of all sync
   * dirs count as excluded.
   */
  isExcluded(path: Path, isDirectory = false): boolean {
    const found = this.findRule(path);
    return (
      found === undefined ||
      found.exclude.isExcluded(path.slice(found.dir.path.length + 1), isDirectory)
    );
  }

  /** Says why this host does not sync the file at `path`; undefined if it does. */
  explainUnsynced(path: Path): UnsyncedFile | undefined {
    const found = this.findRule(path);
    if (found === undefined) return { path, why: 'not synced here' };
    const pattern = found.exclude.findPattern(path.slice(found.dir.path.length + 1), false);
    return pattern === undefined
      ? undefined
      : { path, why: 'excluded', syncDir: found.dir.path, pattern };
  }

  private findRule(path: string): { dir: SyncDir; exclude: ExcludeMatcher } | undefined {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const found = this.dirs.get(path.slice(0, end));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
