import * as v from 'valibot';
import type { Copies } from '../decisions/copies.js';
import { type OptionDefinitions, type OptionValues, parseOptions } from './option-definition.js';
import {
  copiesExpected,
  copiesSchema,
  copiesTimeoutExpected,
  copiesTimeoutSchema,
} from './plugin-options.js';

/** Options of `sync.waitFor(named, options)`. */
export interface WaitOptions {
  /**
   * The number of hosts, including this one. `all` means every host that is to have the file.
   * Default `all`.
   */
  copies?: Copies;
  /** Milliseconds that it waits at most. Default 5,000. */
  timeout?: number;
}

export const waitOptions = {
  copies: {
    schema: v.optional(copiesSchema, 'all'),
    description:
      'The number of hosts, including this one. `all` means every host that is to have the file.',
    expected: copiesExpected,
  },
  timeout: {
    schema: v.optional(copiesTimeoutSchema, 5_000),
    description: 'Milliseconds that it waits at most.',
    expected: copiesTimeoutExpected,
  },
} satisfies OptionDefinitions<WaitOptions>;

/** @throws BAD_OPTION */
export function resolveWaitOptions(options: WaitOptions = {}): OptionValues<typeof waitOptions> {
  return parseOptions(waitOptions, options, 'waitFor');
}
