import { isAbsolute } from 'node:path';
import * as v from 'valibot';
import { stderrLog } from '../model/log.js';
import type { SyncMediaOptions } from './config.js';
import { isRecord, loggerSchema, type OptionDefinitions } from './option-definition.js';

/** The options of `createSyncMedia(options)`. */
export const instanceOptions = {
  connection: {
    schema: v.optional(v.custom<NonNullable<SyncMediaOptions['connection']>>(isRecord)),
    description: 'The Mongoose connection.',
    expected: 'a Mongoose connection',
    // A URI that is given instead has a password.
    secret: true,
    default: 'the one of the first plugged model that is compiled',
  },
  stateDir: {
    schema: v.optional(v.pipe(v.string(), v.check(isAbsolute))),
    description: 'The state folder: an absolute path.',
    expected: 'an absolute path',
    default: '`SYNCMEDIA_STATE_DIR`, else `${XDG_STATE_HOME:-~/.local/state}/syncmedia`',
  },
  collectionPrefix: {
    schema: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z_][\w-]{0,63}$/)), 'syncmedia_'),
    description: "Prefix of this package's collections.",
    expected: 'letters, digits, "_" and "-", at most 64',
  },
  modelSync: {
    schema: v.optional(v.custom<NonNullable<SyncMediaOptions['modelSync']>>(isRecord)),
    description: 'Models that are defined elsewhere: model name → plugin options.',
    expected: 'an object like { "Photo": { "syncDirs": ["uploads/photos"] } }',
    default: 'the JSON file that `SYNCMEDIA_MODEL_SYNC` names',
  },
  history: {
    schema: v.optional(v.custom<NonNullable<SyncMediaOptions['history']>>(isRecord)),
    description: 'Limits of the history, for a backend that keeps one.',
    expected: 'an object like { "days": 90 }',
    default: 'the environment variables of the history',
  },
  log: {
    schema: v.optional(loggerSchema, stderrLog),
    description: 'Receives the messages.',
    expected: 'a logger with the methods info, warn and error',
    default: 'one line per message on stderr',
  },
  environment: {
    schema: v.optional(v.custom<NonNullable<SyncMediaOptions['environment']>>(isRecord)),
    description: 'The environment variables.',
    expected: 'an object of variables, like process.env',
    default: '`process.env`',
  },
} satisfies OptionDefinitions<SyncMediaOptions>;
