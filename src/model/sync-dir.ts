import type { Path } from './path.js';

export type ConflictRule = 'newer' | 'keep' | 'overwrite';

/**
 * A directory that is kept in sync, with its rules. They are stored, so that the CLI, cron and
 * every worker apply the same ones.
 */
export interface SyncDir {
  readonly path: Path;
  /** rsync exclude patterns, relative to the sync dir. */
  readonly exclude: readonly string[];
  readonly conflict: ConflictRule;
  readonly onDelete: 'keep' | 'propagate';
}

/** The rules of a sync dir as stored in the database. They give access to no directory. */
export interface StoredRules extends SyncDir {
  /** The row has no valid seal, so all rules but `exclude` are the defaults. Never stored. */
  readonly unsealed?: true;
}
