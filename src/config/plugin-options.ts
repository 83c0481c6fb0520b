import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import { compileExclude } from '../replica/exclude.js';
import type { Copies } from '../decisions/copies.js';
import type { ConflictRule, Path, SyncDir } from '../model/words.js';
import type { PluginOptions } from './config.js';
import { describeValue } from './describe-value.js';
import { describeUnknown } from './nearest.js';
import { normaliseSyncDirs } from './sync-dir.js';

export type PathsFunction = (document: Record<string, unknown>) => readonly string[];

/** Plugin options with every default filled in. */
export interface ResolvedPluginOptions {
  readonly syncDirs: readonly Path[];
  readonly exclude: readonly string[];
  /** Field names, or a function. Undefined means every string of the document. */
  readonly paths: readonly string[] | PathsFunction | undefined;
  /** Seconds. Undefined means never. */
  readonly rescan: number | undefined;
  readonly conflict: ConflictRule;
  readonly onDelete: 'keep' | 'propagate';
  /** Undefined means that a save waits for no host. */
  readonly copies: Copies | undefined;
  readonly copiesTimeoutMs: number;
  readonly copiesTimeoutAction: 'warn' | 'error';
  /** The sync dirs with their rules, as other hosts learn them. */
  declaredDirs(): SyncDir[];
}

const pluginOptionNames = [
  'syncDirs',
  'exclude',
  'paths',
  'rescan',
  'conflict',
  'onDelete',
  'copies',
  'copiesTimeout',
  'copiesTimeoutAction',
] as const satisfies readonly (keyof PluginOptions)[];

const defaultRescanSeconds = 30;
const defaultCopiesTimeout = 5_000;
const longestCopiesTimeout = 600_000;

/**
 * Validates plugin options. Errors name `where` the options come from (`schema.plugin(syncMedia,
 * …)`, `modelSync.Photo`). Throws BAD_OPTION for unknown and malformed options, BAD_SYNC_DIR for
 * sync dirs.
 */
export function resolvePluginOptions(options: PluginOptions, where: string): ResolvedPluginOptions {
  if (!isRecord(options)) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `${where}: options are missing; give at least { syncDirs: ['uploads/photos'] }.`,
    );
  }
  const unknown = Object.keys(options).filter(
    (name) => !(pluginOptionNames as readonly string[]).includes(name),
  );
  if (unknown.length > 0) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `${where}: unknown option ${describeUnknown(unknown, pluginOptionNames)}; known are ` +
        `${pluginOptionNames.join(', ')}.`,
    );
  }
  const { syncDirs: given }: { syncDirs?: unknown } = options;
  if (given === undefined)
    throw makeOptionError(
      where,
      'syncDirs',
      given,
      'a directory below the root or an array of them',
    );
  const syncDirs = normaliseSyncDirs(given, where);
  const exclude = resolveStrings(
    options.exclude ?? [],
    where,
    'exclude',
    'an rsync exclude pattern or an array of them',
  );
  checkExclude(exclude, where);
  const conflict = resolveChoice(
    options.conflict,
    ['newer', 'keep', 'overwrite'],
    where,
    'conflict',
  );
  const onDelete = resolveChoice(options.onDelete, ['keep', 'propagate'], where, 'onDelete');
  return {
    ...resolveCopies(options, where),
    syncDirs,
    exclude,
    paths: resolvePaths(options.paths, where),
    rescan: resolveRescan(options.rescan, where),
    conflict,
    onDelete,
    declaredDirs: () => syncDirs.map((path) => ({ path, exclude, conflict, onDelete })),
  };
}

function resolveCopies(
  { copies, copiesTimeout = defaultCopiesTimeout, copiesTimeoutAction }: PluginOptions,
  where: string,
): Pick<ResolvedPluginOptions, 'copies' | 'copiesTimeoutMs' | 'copiesTimeoutAction'> {
  return {
    copies: copies === undefined ? undefined : checkCopies(copies, where),
    copiesTimeoutMs: checkCopiesTimeout(copiesTimeout, where),
    copiesTimeoutAction: resolveChoice(
      copiesTimeoutAction,
      ['warn', 'error'],
      where,
      'copiesTimeoutAction',
    ),
  };
}

/** @throws BAD_OPTION */
export function checkCopies(copies: unknown, where: string): Copies {
  if (copies === 'all' || copies === 'majority') return copies;
  if (typeof copies !== 'number' || !Number.isInteger(copies) || copies < 1)
    throw makeOptionError(where, 'copies', copies, 'a number of hosts, "majority" or "all"');
  return copies;
}

/**
 * Returns milliseconds.
 * @throws BAD_OPTION
 */
export function checkCopiesTimeout(
  timeout: unknown,
  where: string,
  name = 'copiesTimeout',
): number {
  if (typeof timeout === 'number' && timeout > 0 && timeout <= longestCopiesTimeout) return timeout;
  throw makeOptionError(
    where,
    name,
    timeout,
    `milliseconds, up to ${String(longestCopiesTimeout)}`,
  );
}

function checkExclude(exclude: readonly string[], where: string): void {
  try {
    compileExclude(exclude);
  } catch (error) {
    throw new SyncMediaError('BAD_OPTION', `${where}: ${getErrorMessage(error)}`, { cause: error });
  }
}

function resolvePaths(paths: unknown, where: string): ResolvedPluginOptions['paths'] {
  if (paths === undefined) return undefined;
  if (typeof paths === 'function') return paths as PathsFunction;
  const fields = resolveStrings(
    paths,
    where,
    'paths',
    'a field name, an array of them, or a function',
  );
  if (fields.length === 0 || fields.some((field) => field.split('.').includes(''))) {
    throw makeOptionError(where, 'paths', paths, 'field names like "photo" or "gallery.file"');
  }
  return fields;
}

function resolveRescan(rescan: unknown, where: string): number | undefined {
  if (rescan === false) return undefined;
  if (rescan === undefined) return defaultRescanSeconds;
  if (typeof rescan !== 'number' || !(rescan >= 0 && rescan <= 86_400))
    throw makeOptionError(where, 'rescan', rescan, 'seconds from 0 to 86400, or false');
  return rescan;
}

function resolveStrings(value: unknown, where: string, name: string, expected: string): string[] {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.map((one) => {
    if (typeof one !== 'string' || one === '') throw makeOptionError(where, name, value, expected);
    return one;
  });
}

/** The first choice is the default. */
function resolveChoice<T extends string>(
  value: unknown,
  choices: readonly [T, ...T[]],
  where: string,
  name: string,
): T {
  if (value === undefined) return choices[0];
  const chosen = choices.find((choice) => choice === value);
  if (chosen === undefined)
    throw makeOptionError(where, name, value, choices.map((choice) => `"${choice}"`).join(' or '));
  return chosen;
}

function makeOptionError(
  where: string,
  name: string,
  value: unknown,
  expected: string,
): SyncMediaError {
  return new SyncMediaError(
    'BAD_OPTION',
    `${where}: ${name} is ${describeValue(value)}; expected ${expected}.`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
