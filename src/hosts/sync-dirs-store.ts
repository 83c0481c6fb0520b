import { isDeepStrictEqual } from 'node:util';
import type { mongo } from 'mongoose';
import type { Log } from '../log.js';
import { allows } from '../planning/wants.js';
import type { Path, SyncDir } from '../words.js';

/** A sync dir as it is stored: `_id` is its path. */
export type SyncDirRow = Omit<SyncDir, 'path'> & {
  _id: SyncDir['path'];
  /** The models that name files there, of every app that ever declared it. */
  models?: string[];
};

const defaultRules = { exclude: [] as string[], conflict: 'newer' as const, onDelete: 'keep' as const };

/** The rules per sync dir, so that the CLI, cron and every process go by the same ones. */
export class SyncDirsStore {
  constructor(private readonly rows: () => mongo.Collection<SyncDirRow>, private readonly log: Log) {}

  /** Stores what the app declares. A changed declaration replaces the stored one and says so; one not declared any more stays. */
  async declare(dirs: readonly SyncDir[]): Promise<void> {
    const stored = new Map((await this.all()).map((dir) => [dir.path, dir]));
    for (const { path, exclude, conflict, onDelete } of dirs) {
      const [before, dir] = [stored.get(path), { path, exclude: [...exclude], conflict, onDelete }];
      if (before && isDeepStrictEqual(before, dir)) continue;
      const { path: _path, ...rulesBefore } = before ?? dir;
      if (before && !isDeepStrictEqual(rulesBefore, defaultRules)) this.log.warn(`the rules of the sync dir ${path} changed: ${describe(before)} became ${describe(dir)}`);
      const { path: _id, ...rules } = dir;
      await this.rows().updateOne({ _id }, { $set: rules }, { upsert: true });
    }
  }

  /** Notes that documents of a model name files in these sync dirs: before one is deleted there, every such model is asked. */
  async declareModel(model: string, paths: readonly Path[]): Promise<void> {
    for (const _id of paths) await this.rows().updateOne({ _id }, { $addToSet: { models: model }, $setOnInsert: defaultRules }, { upsert: true });
  }

  /** The models that name files in these directories, by sync dir. */
  async listNaming(dirs: ReadonlySet<Path>): Promise<Map<Path, readonly string[]>> {
    const rows = await this.rows().find({ _id: { $in: [...dirs] } }).toArray();
    return new Map(rows.map(({ _id, models = [] }) => [_id, models]));
  }

  /** Rules for sync dirs that no app has declared yet: the defaults, so that pushes and pulls of them work before it does. */
  async addMissing(paths: readonly Path[]): Promise<void> {
    for (const _id of paths) {
      await this.rows().updateOne({ _id }, { $setOnInsert: defaultRules }, { upsert: true });
    }
  }

  /** By path. */
  async all(): Promise<SyncDir[]> {
    const rows = await this.rows().find().sort({ _id: 1 }).toArray();
    return rows.map(({ _id, exclude, conflict, onDelete }) => ({ path: _id, exclude, conflict, onDelete }));
  }
}

/** The sync dirs of a host with this allow-list: those on it, and what was declared of it. */
export async function listDirs({ syncDirs: store }: { syncDirs: SyncDirsStore }, syncDirs: readonly Path[]): Promise<Path[]> {
  const declared = (await store.all()).map(({ path }) => path).filter((path) => allows({ syncDirs: [...syncDirs] }, path));
  return [...new Set([...syncDirs, ...declared])].sort();
}

function describe({ exclude, conflict, onDelete }: SyncDir): string {
  return `exclude ${JSON.stringify(exclude)}, conflict ${conflict}, onDelete ${onDelete}`;
}
