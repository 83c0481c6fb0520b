import { isDeepStrictEqual } from 'node:util';
import type { mongo } from 'mongoose';
import { matchReadValue, isDuplicateKey } from '../util/collections.js';
import { SyncMediaError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { Path } from '../model/path.js';
import type { StoredRules, SyncDir } from '../model/sync-dir.js';
import { Seals } from './seal.js';

/**
 * The stored rules of a sync dir; `_id` is its path. Each host decides by itself which
 * directories it opens; a row opens none.
 */
export type SyncDirRow = Omit<SyncDir, 'path'> & {
  _id: SyncDir['path'];
  /** The models of all apps that name files in this sync dir, or did. */
  models?: string[];
  /** The seal that proves to hosts with SYNCMEDIA_SECRET that one of them wrote this row. */
  seal?: string;
};

type SealedRules = Pick<SyncDirRow, 'exclude' | 'conflict' | 'onDelete'> & {
  models?: string[] | undefined;
};

const defaultRules = {
  exclude: [] as string[],
  conflict: 'newer' as const,
  onDelete: 'keep' as const,
};
const maxUpdateTries = 10;

/**
 * Stores the rules of sync dirs, so that every process, the command line and cron use the same
 * ones.
 */
export class SyncDirsStore {
  private warnedNameless = false;

  constructor(
    private readonly rows: () => mongo.Collection<SyncDirRow>,
    private readonly log: Log,
    private readonly seals = new Seals(),
  ) {}

  /**
   * Stores the app's declarations, and seals rows without a valid seal. A changed declaration
   * replaces the stored one, with a warning. Sync dirs that are no longer declared stay.
   */
  async declare(dirs: readonly SyncDir[]): Promise<void> {
    for (const { path, exclude, conflict, onDelete } of dirs) {
      const rules = { exclude: [...exclude], conflict, onDelete };
      const before = await this.changeRow(path, (row) => ({
        ...rules,
        models: row && readModels(row),
      }));
      if (!before || !this.isTrusted(before)) continue;
      const { exclude: excludeBefore, conflict: conflictBefore, onDelete: onDeleteBefore } = before;
      const rulesBefore = {
        exclude: excludeBefore,
        conflict: conflictBefore,
        onDelete: onDeleteBefore,
      };
      if (isDeepStrictEqual(rulesBefore, rules) || isDeepStrictEqual(rulesBefore, defaultRules))
        continue;
      this.log.warn(
        `the rules of the sync dir ${path} changed: ${describeRules(rulesBefore)} became ` +
          `${describeRules(rules)}`,
      );
    }
  }

  /**
   * Records that documents of a model name files in these sync dirs. Before a file there is
   * deleted, all recorded models are searched.
   */
  async declareModel(model: string, paths: readonly Path[]): Promise<void> {
    for (const path of paths) {
      await this.changeRow(path, (row) => {
        const {
          path: _path,
          unsealed: _unsealed,
          ...rules
        } = row ? this.readRules(row) : { path, unsealed: undefined, ...defaultRules };
        // Model names of an unsealed row stay. A superfluous name only keeps a file too long,
        // while a missing name would lose one.
        return {
          ...rules,
          exclude: [...rules.exclude],
          models: [...new Set([...(row ? (readModels(row) ?? []) : []), model])],
        };
      });
    }
  }

  /**
   * Lists the models that name files in these sync dirs; 'unknown' if the row has no valid seal.
   */
  async listNaming(dirs: ReadonlySet<Path>): Promise<Map<Path, readonly string[] | 'unknown'>> {
    const rows = await this.rows()
      .find({ _id: { $in: [...dirs] } })
      .toArray();
    return new Map(
      rows.map((row) => [row._id, this.isTrusted(row) ? (readModels(row) ?? []) : 'unknown']),
    );
  }

  /** Lists the sync dirs of each model that names files. Rows without a valid seal are left out. */
  async listModels(): Promise<Map<string, Path[]>> {
    const models = new Map<string, Path[]>();
    for (const row of await this.rows().find().sort({ _id: 1 }).toArray())
      for (const name of this.isTrusted(row) ? (readModels(row) ?? []) : [])
        models.set(name, [...(models.get(name) ?? []), row._id]);
    return models;
  }

  /**
   * Stores the default rules of sync dirs that no app has declared yet, so that they can be
   * pushed and pulled before.
   */
  async addMissing(paths: readonly Path[]): Promise<void> {
    for (const path of paths) await this.changeRow(path, (row) => row ?? defaultRules);
  }

  /** Renews every valid seal, so that none depends on a previous secret any more. */
  async sealAll(): Promise<void> {
    for (const row of await this.rows().find().toArray())
      if (this.isTrusted(row)) await this.changeRow(row._id, (now) => now ?? row);
  }

  /** Lists all rules by path. A row whose id is no text names no directory and is left out. */
  async all(): Promise<StoredRules[]> {
    const rows = await this.rows().find().sort({ _id: 1 }).toArray();
    const named = rows.filter(({ _id }) => typeof _id === 'string');
    if (named.length < rows.length && !this.warnedNameless) {
      this.log.warn(
        `${String(rows.length - named.length)} rows of ${this.rows().collectionName} have ` +
          `something else than a path as their id and count for nothing. Remedy: find out who ` +
          `wrote them, and remove them`,
      );
    }
    this.warnedNameless = named.length < rows.length;
    return named.map((row) => this.readRules(row));
  }

  /**
   * Verifies the rules of a row. Without a valid seal only `exclude` counts: it sends and removes
   * nothing, and anyone who can write to the database could suppress files anyway.
   */
  private readRules(row: SyncDirRow): StoredRules {
    const { _id: path, exclude, conflict, onDelete } = row;
    if (this.isTrusted(row)) return { path, exclude, conflict, onDelete };
    return { path, ...defaultRules, exclude: isTextList(exclude) ? exclude : [], unsealed: true };
  }

  private isTrusted(row: SyncDirRow): boolean {
    return !this.seals.isActive || this.seals.trustsRules(formatRules(row._id, row), row.seal);
  }

  /**
   * Stores and seals the changed rules of a row, if they differ.
   * @returns the row before
   */
  private async changeRow(
    path: Path,
    change: (row: SyncDirRow | undefined) => SealedRules,
  ): Promise<SyncDirRow | undefined> {
    for (let tries = 0; tries < maxUpdateTries; tries++) {
      const row = (await this.rows().findOne({ _id: path })) ?? undefined;
      const { exclude, conflict, onDelete, models } = change(row);
      const rules = { exclude, conflict, onDelete, ...(models && { models }) };
      const seal = this.seals.sealRules(formatRules(path, rules) ?? '');
      const isSame = row !== undefined && isDeepStrictEqual(pickRules(row), rules);
      // A process without a secret keeps the existing seal if the rules stay the same.
      if (row && isSame && (seal === undefined || row.seal === seal)) return row;
      if (!row) {
        if (await this.insertRow({ _id: path, ...rules, ...(seal !== undefined && { seal }) }))
          return undefined;
        continue;
      }
      // Replace only the row that was read, since another process may have added a model
      // meanwhile.
      const { matchedCount } = await this.rows().updateOne(
        { _id: path, seal: matchReadValue(row.seal), models: matchReadValue(row.models) },
        seal === undefined ? { $set: rules, $unset: { seal: 1 } } : { $set: { ...rules, seal } },
      );
      if (matchedCount > 0) return row;
    }
    throw new SyncMediaError(
      'TIMED_OUT',
      `the rules of the sync dir ${path} kept being changed by other processes: try again`,
    );
  }

  private async insertRow(row: SyncDirRow): Promise<boolean> {
    try {
      await this.rows().insertOne(row);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }
}

/** Explains why the rules of some sync dirs do not count on this machine, with the remedy. */
export function explainUnsealedRules(paths: readonly string[]): {
  message: string;
  remedy: string;
} {
  return {
    message:
      `the rules of ${paths.join(', ')} in the database have no valid seal, so those ` +
      `count that the models here declare, else the defaults with what the row excludes`,
    remedy:
      'restart the apps that declare them, with the same SYNCMEDIA_SECRET, which seals them; ' +
      'rules that no app declares: remove their rows and run `syncmedia init`',
  };
}

/** Formats the sealed fields of a row as one text; undefined if a value has the wrong type. */
function formatRules(
  path: unknown,
  { exclude, conflict, onDelete, models }: SealedRules,
): string | undefined {
  const texts: readonly unknown[] = [path, conflict, onDelete];
  if (
    !texts.every((text) => typeof text === 'string') ||
    !isTextList(exclude) ||
    (models !== undefined && !isTextList(models))
  )
    return undefined;
  return JSON.stringify([1, path, exclude, conflict, onDelete, models ?? null]);
}

function pickRules({ exclude, conflict, onDelete, models }: SyncDirRow): SealedRules {
  return { exclude, conflict, onDelete, ...(models !== undefined && { models }) };
}

function readModels({ models }: SyncDirRow): string[] | undefined {
  return isTextList(models) ? [...models] : undefined;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function describeRules({
  exclude,
  conflict,
  onDelete,
}: Pick<SealedRules, 'exclude' | 'conflict' | 'onDelete'>): string {
  return `exclude ${JSON.stringify(exclude)}, conflict ${conflict}, onDelete ${onDelete}`;
}
