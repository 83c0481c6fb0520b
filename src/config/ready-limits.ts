import * as v from 'valibot';
import { type OptionDefinitions, type OptionValues, parseOptions } from './option-definition.js';

/** The largest backlog with which a host counts as ready for visitors. */
export interface ReadyLimits {
  /** Age of the oldest pending file, in seconds. Default 300. */
  maxBehind?: number;
  /** Number of pending files. Default 1,000. */
  maxFiles?: number;
}

const limit = v.pipe(v.number(), v.minValue(0));

/** The options of `syncReady(limits)` and `sync.isReady(limits)`. */
export const readyLimits = {
  maxBehind: {
    schema: v.optional(limit, 300),
    description: 'Age of the oldest pending file, in seconds.',
    expected: 'a number from 0 up',
  },
  maxFiles: {
    schema: v.optional(limit, 1_000),
    description: 'Number of pending files.',
    expected: 'a number from 0 up',
  },
} satisfies OptionDefinitions<ReadyLimits>;

/** @throws BAD_OPTION */
export function resolveReadyLimits(limits: ReadyLimits = {}): OptionValues<typeof readyLimits> {
  return parseOptions(readyLimits, limits, 'syncReady');
}
