import * as v from 'valibot';
import { isHostname } from '../model/host-name.js';
import type { HistoryConfig, HistoryOptions } from './config.js';
import type { CompleteEnvironment } from './environment.js';
import { gitFileExpected, maxGitFile, sizeExpected, sizeText } from './history-schemas.js';
import { parseOptions, type OptionDefinitions } from './option-definition.js';

const size = v.union([v.pipe(v.number(), v.safeInteger(), v.minValue(0)), sizeText]);

const hostname = v.pipe(
  v.string(),
  v.check((name) => isHostname(name)),
);

/** The fields of the option `history`. Each has an environment variable with its default. */
export const historyOptions = {
  days: {
    schema: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(36_500))),
    description: 'Days for which a version is kept.',
    expected: 'a whole number from 1 to 36500',
    default: '`SYNCMEDIA_HISTORY_DAYS`',
  },
  maxBytes: {
    schema: v.optional(size),
    description: 'The size of the whole history; the oldest days are removed first.',
    expected: sizeExpected,
    default: '`SYNCMEDIA_HISTORY_MAX_BYTES`',
  },
  maxFileBytes: {
    schema: v.optional(v.pipe(size, maxGitFile)),
    description:
      'With the backend git: of larger files only name, size and hash are kept. The backend ' +
      'git-annex ignores it.',
    expected: gitFileExpected,
    default: '`SYNCMEDIA_HISTORY_MAX_FILE_BYTES`',
  },
  on: {
    schema: v.optional(v.union([v.literal('all'), v.array(hostname)])),
    description: 'The hosts that get the history of this one.',
    expected: '"all", or an array of host names',
    default: '`SYNCMEDIA_HISTORY_ON`',
  },
  annexLargerThan: {
    schema: v.optional(v.pipe(size, maxGitFile)),
    description: 'With the backend git-annex: larger files lie in the annex instead of git.',
    expected: gitFileExpected,
    default: '`SYNCMEDIA_ANNEX_LARGER_THAN`',
  },
  annexOn: {
    schema: v.optional(v.union([v.literal('all'), v.array(hostname)])),
    description:
      'With the backend git-annex: the hosts that get the earlier versions of large files.',
    expected: '"all", or an array of host names',
    default: '`SYNCMEDIA_ANNEX_ON`',
  },
  author: {
    schema: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(200))),
    description: 'The author of changes that `withAuthor` names nobody for.',
    expected: 'a name',
    default: '`SYNCMEDIA_HISTORY_AUTHOR`',
  },
} satisfies OptionDefinitions<HistoryOptions>;

/** An option wins over its variable. @throws BAD_OPTION */
export function resolveHistory(
  given: HistoryOptions | undefined,
  environment: CompleteEnvironment,
): HistoryConfig {
  const { days, maxBytes, maxFileBytes, on, annexLargerThan, annexOn, author } = parseOptions(
    historyOptions,
    given ?? {},
    'createSyncMedia: history',
  );
  return {
    days: days ?? environment.SYNCMEDIA_HISTORY_DAYS,
    maxBytes: maxBytes ?? environment.SYNCMEDIA_HISTORY_MAX_BYTES,
    maxFileBytes: maxFileBytes ?? environment.SYNCMEDIA_HISTORY_MAX_FILE_BYTES,
    on: on ?? environment.SYNCMEDIA_HISTORY_ON,
    annex: {
      largerThan: annexLargerThan ?? environment.SYNCMEDIA_ANNEX_LARGER_THAN,
      on: annexOn ?? environment.SYNCMEDIA_ANNEX_ON,
    },
    author: author ?? environment.SYNCMEDIA_HISTORY_AUTHOR,
  };
}
