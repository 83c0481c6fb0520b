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

const startOptions = {
  log: {
    schema: v.optional(loggerSchema),
    description: 'A pino or winston logger, `console`, or the like.',
    expected: 'a logger with the methods info, warn and error',
    default: 'one line per message on stderr',
  },
} satisfies OptionDefinitions<StartOptions>;

/**
 * Anything but a plain object is ignored, since `connect(uri).then(startSyncMedia)` passes what the
 * promise gave.
 *
 * @throws SyncMediaError BAD_OPTION for another option, or a log that lacks a method
 */
export function resolveStartOptions(options: unknown): OptionValues<typeof startOptions> {
  const prototype: unknown =
    typeof options === 'object' && options !== null ? Object.getPrototypeOf(options) : undefined;
  if (prototype !== null && prototype !== Object.prototype) return { log: undefined };
  return parseOptions(startOptions, options, 'startSyncMedia');
}
