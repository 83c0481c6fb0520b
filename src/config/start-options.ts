import * as v from 'valibot';
import type { Log } from '../model/log.js';
import {
  loggerSchema,
  type OptionDefinitions,
  type OptionValues,
  parseOptions,
} from './option-definition.js';

/** The options of `startSyncMedia(options)`. Environment variables set everything else. */
export interface StartOptions {
  /** A pino or winston logger, `console`, or the like. Default: one line per message on stderr. */
  log?: Log | undefined;
}

export const startOptions = {
  log: {
    schema: v.optional(loggerSchema),
    description: 'A pino or winston logger, `console`, or the like.',
    expected: 'a logger with the methods info, warn and error',
    default: 'one line per message on stderr',
  },
} satisfies OptionDefinitions<StartOptions>;

/** @throws SyncMediaError BAD_OPTION for another option, or a log that lacks a method */
export function resolveStartOptions(options: StartOptions): OptionValues<typeof startOptions> {
  return parseOptions(startOptions, options, 'startSyncMedia');
}
