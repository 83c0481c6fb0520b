import { messageOf, SyncMediaError } from './errors/errors.js';
import { allows } from './planning/wants.js';
import type { Path, SyncDir } from './words.js';
import { isSafePath } from './root/paths.js';
import { SyncDirs } from './root/sync-dirs.js';

/**
 * The sync dirs this process knows: declared by its own models, and those that were stored for everyone; narrowed by what this
 * host keeps. What a row says is checked before it counts: a row confines nothing, and must open nothing.
 */
export class KnownDirs {
  private readonly declared = new Map<string, { dir: SyncDir; where: string }>();
  private stored: readonly SyncDir[] = [];
  private known: SyncDirs | undefined;

  /** @param allowed this host's own allow-list, from its state folder; empty means all */
  constructor(private readonly allowed: () => readonly string[], private readonly warn: (message: string) => void) {}

  /** @throws RULES_DIFFER where another model declared the same sync dir with other rules */
  declare(dirs: readonly SyncDir[], where: string): void {
    for (const dir of dirs) {
      const before = this.declared.get(dir.path);
      if (before && JSON.stringify(before.dir) !== JSON.stringify(dir)) {
        throw new SyncMediaError('RULES_DIFFER',
          `${before.where} and ${where} declare different rules (exclude, conflict or onDelete) for the sync dir ${dir.path}: give both the same`);
      }
      this.declared.set(dir.path, { dir, where });
    }
    this.known = undefined;
  }

  listDeclared(): SyncDir[] {
    return [...this.declared.values()].map(({ dir }) => dir);
  }

  /** Those that this host's allow-list leaves out, with the model that declares each. */
  listRefused(): { dir: Path; where: string }[] {
    const syncDirs = [...this.allowed()] as Path[];
    return [...this.declared.values()].filter(({ dir }) => !allows({ syncDirs }, dir.path)).map(({ dir, where }) => ({ dir: dir.path, where }));
  }

  /** What the database has, as last read. */
  setStored(dirs: readonly SyncDir[]): void {
    if (JSON.stringify(dirs) === JSON.stringify(this.stored)) return;
    this.stored = dirs;
    this.known = undefined;
  }

  current(): SyncDirs {
    this.known ??= this.compile();
    return this.known;
  }

  private compile(): SyncDirs {
    const all = new Map<string, SyncDir>();
    for (const dir of this.stored) {
      try {
        if (!isSafePath(dir.path)) throw new SyncMediaError('BAD_SYNC_DIR', 'its path leads out of the root');
        new SyncDirs([dir]);
        all.set(dir.path, dir);
      } catch (error) {
        this.warn(`the stored sync dir ${JSON.stringify(dir.path)} is ignored: ${messageOf(error)}`);
      }
    }
    for (const { dir } of this.declared.values()) all.set(dir.path, dir);
    const allowed = this.allowed();
    return new SyncDirs([...all.values()].filter(({ path }) => allows({ syncDirs: [...allowed] as SyncDir['path'][] }, path)));
  }
}
