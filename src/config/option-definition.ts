import * as v from 'valibot';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { describeValue } from './describe-value.js';
import { describeUnknown } from './nearest.js';

/**
 * One option of a surface: its schema, which also has its default, and its texts. Error messages
 * and the tables of docs/reference.md come from it.
 */
export interface OptionDefinition<Input = unknown> {
  readonly schema: v.GenericSchema<Input, unknown>;
  /** Complete sentences. With the default, they are the doc comment of the public type. */
  readonly description: string;
  /** Ends the sentence "expected …". */
  readonly expected: string;
  /** Describes a default that the schema does not have. */
  readonly default?: string;
  /** Errors do not repeat the value of a secret. */
  readonly secret?: true;
}

/** The definitions of all options of the public type `Options`: none is missing, none is more. */
export type OptionDefinitions<Options> = {
  readonly [K in keyof Options]-?: OptionDefinition<Options[K] | undefined>;
};

type ReadonlyDefinitions = Readonly<Record<string, OptionDefinition>>;

/** The options after validation, with defaults. */
export type OptionValues<Definitions> = {
  readonly [K in keyof Definitions]: Definitions[K] extends {
    readonly schema: infer Schema extends v.GenericSchema;
  }
    ? v.InferOutput<Schema>
    : never;
};

/**
 * Validates the options of a surface. Errors name the place `where` the options were given.
 *
 * @throws BAD_OPTION for an unknown or malformed option, or the error that a schema throws
 */
export function parseOptions<Definitions extends ReadonlyDefinitions>(
  definitions: Definitions,
  options: unknown,
  where: string,
): OptionValues<Definitions> {
  if (!isRecord(options)) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `${where}: options must be an object, not ${describeValue(options)}.`,
    );
  }
  const known = Object.keys(definitions);
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(definitions, name));
  if (unknown.length > 0) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `${where}: unknown option ${describeUnknown(unknown, known)}; known are ` +
        `${known.join(', ')}.`,
    );
  }
  return Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => [
      name,
      parseOption(definition, options[name], where, name),
    ]),
  ) as OptionValues<Definitions>;
}

function parseOption(
  definition: OptionDefinition,
  value: unknown,
  where: string,
  name: string,
): unknown {
  const result = placeError(where, () => v.safeParse(definition.schema, value));
  if (result.success) return result.output;
  const shown =
    definition.secret === true
      ? 'is set to something that cannot be used'
      : `is ${describeValue(value)}`;
  throw new SyncMediaError(
    'BAD_OPTION',
    `${where}: ${name} ${shown}; expected ${definition.expected}.`,
  );
}

/** Puts `where` in front of the message of an error that `work` throws. */
export function placeError<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new SyncMediaError(
      error instanceof SyncMediaError ? error.code : 'BAD_OPTION',
      `${where}: ${getErrorMessage(error)}`,
      { cause: error },
    );
  }
}

/** An option with a few possible texts, of which the first is the default. */
export function defineChoice<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
  description: string,
): OptionDefinition<Choices[number] | undefined> & {
  readonly schema: v.OptionalSchema<v.PicklistSchema<Choices, undefined>, Choices[0]>;
} {
  return {
    schema: v.optional(v.picklist(choices), choices[0]),
    description,
    expected: choices.map((choice) => `"${choice}"`).join(' or '),
  };
}

/** An option that is true or false. */
export function defineFlag(
  byDefault: boolean,
  description: string,
): OptionDefinition<boolean | undefined> & {
  readonly schema: v.OptionalSchema<v.BooleanSchema<undefined>, boolean>;
} {
  return {
    schema: v.optional(v.boolean(), byDefault),
    description,
    expected: 'true or false',
  };
}

/** Any logger with the methods of `Log`. The error names the missing method, not the logger. */
export const loggerSchema = v.custom<Log>((value) => {
  if (value === undefined || value === null) return false;
  for (const method of ['info', 'warn', 'error'])
    if (typeof (value as Record<string, unknown>)[method] !== 'function')
      throw new SyncMediaError(
        'BAD_OPTION',
        `log has no method "${method}"; give a logger with info, warn and error.`,
      );
  return true;
});

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
