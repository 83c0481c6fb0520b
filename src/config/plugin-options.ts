import * as v from 'valibot';
import type { Copies } from '../decisions/copies.js';
import { SyncMediaError } from '../model/errors.js';
import type { SyncDir } from '../model/sync-dir.js';
import { compileExclude } from '../replica/exclude.js';
import type { PluginOptions } from './config.js';
import {
  defineChoice,
  isRecord,
  type OptionDefinitions,
  type OptionValues,
  parseOptions,
} from './option-definition.js';
import { parseSyncDirs } from './normalise-sync-dir.js';

export type PathsFunction = (document: Record<string, unknown>) => readonly string[];

const text = v.pipe(v.string(), v.nonEmpty());
const fieldName = v.pipe(
  text,
  v.check((name) => !name.split('.').includes('')),
);

/** How many hosts are waited for, and for how long: here and in `waitFor`. */
export const copiesSchema = v.union([
  v.pipe(v.number(), v.integer(), v.minValue(1)),
  v.picklist(['majority', 'all']),
]) satisfies v.GenericSchema<Copies>;
export const copiesExpected = 'a number of hosts, "majority" or "all"';
export const copiesTimeoutSchema = v.pipe(v.number(), v.gtValue(0), v.maxValue(600_000));
export const copiesTimeoutExpected = 'milliseconds, up to 600000';

/** The options of `schema.plugin(syncMedia, options)`. */
export const pluginOptions = {
  syncDirs: {
    schema: v.pipe(
      v.custom<PluginOptions['syncDirs']>((value) => value !== undefined),
      v.transform((value) => parseSyncDirs(value)),
    ),
    description: "Directories of this model's files, relative to the root.",
    expected: 'a directory below the root or an array of them',
  },
  exclude: {
    schema: v.pipe(
      v.optional(v.union([text, v.array(text)]), []),
      v.transform(listStrings),
      v.transform(checkExclude),
    ),
    description: 'rsync exclude patterns, relative to each sync dir.',
    expected: 'an rsync exclude pattern or an array of them',
  },
  paths: {
    schema: v.optional(
      v.union([
        v.custom<PathsFunction>((value) => typeof value === 'function'),
        v.pipe(
          v.union([fieldName, v.pipe(v.array(fieldName), v.nonEmpty())]),
          v.transform(listStrings),
        ),
      ]),
    ),
    description:
      'Where the document names its files: field names (dotted; arrays are walked), or a ' +
      'function of the plain object that returns paths.',
    expected: 'a field name like "photo" or "gallery.file", an array of them, or a function',
    default:
      'every string that names an existing file below a sync dir, in any form that apps store',
  },
  rescan: {
    schema: v.pipe(
      v.optional(
        v.union([v.literal(false), v.pipe(v.number(), v.minValue(0), v.maxValue(86_400))]),
        30,
      ),
      v.transform((seconds) => (seconds === false ? undefined : seconds)),
    ),
    description:
      'Seconds after a save until its sync dirs are scanned for files that the app wrote beside ' +
      'the named ones. `false` means never.',
    expected: 'seconds from 0 to 86400, or false',
  },
  conflict: defineChoice(
    ['newer', 'keep', 'overwrite'],
    "Which file wins if the ledger does not know the other host's file.",
  ),
  onDelete: defineChoice(
    ['keep', 'propagate'],
    'Whether a file that no document names any more is also removed on the other hosts.',
  ),
  copies: {
    schema: v.optional(copiesSchema),
    description:
      'How many hosts must hold the files of a save before it resolves, this host included: a ' +
      'number, `majority` or `all` of the hosts that want them. In a transaction nothing is ' +
      'awaited.',
    expected: copiesExpected,
    default: 'a save waits for no host',
  },
  copiesTimeout: {
    schema: v.optional(copiesTimeoutSchema, 5_000),
    description: 'Milliseconds that a save waits for copies.',
    expected: copiesTimeoutExpected,
  },
  copiesTimeoutAction: defineChoice(
    ['warn', 'error'],
    'What happens after that time. The document is saved in either case: `warn` logs a warning, ' +
      '`error` rejects with MEDIA_COPIES_TIMEOUT.',
  ),
} satisfies OptionDefinitions<PluginOptions>;

/** Plugin options with every default filled in. */
export interface ResolvedPluginOptions extends OptionValues<typeof pluginOptions> {
  /** The sync dirs with their rules, as other hosts learn them. */
  declaredDirs(): SyncDir[];
}

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
  const values = parseOptions(pluginOptions, options, where);
  const { syncDirs, exclude, conflict, onDelete } = values;
  return {
    ...values,
    declaredDirs: () => syncDirs.map((path) => ({ path, exclude, conflict, onDelete })),
  };
}

function listStrings(value: string | string[]): string[] {
  return typeof value === 'string' ? [value] : value;
}

/** @throws BAD_OPTION */
function checkExclude(patterns: string[]): string[] {
  compileExclude(patterns);
  return patterns;
}
