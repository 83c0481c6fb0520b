import { join } from 'node:path';
import * as v from 'valibot';
import { getErrorMessage, hasErrorCode, SyncMediaError } from '../model/errors.js';
import { environmentVariables, type VariableDefinition } from './environment-variables.js';

export type Variables = Readonly<Record<string, string | undefined>>;

type Definitions = typeof environmentVariables;
type VariableName = keyof Definitions;
type Values = { readonly [K in VariableName]: v.InferOutput<Definitions[K]['schema']> };
type DefaultedName = {
  [K in VariableName]: undefined extends v.InferInput<Definitions[K]['schema']> ? K : never;
}[VariableName];

/** The values of all variables that are set. */
export type Environment = Partial<Values>;
/** The values of all variables that are set or have a default. */
export type CompleteEnvironment = Environment & Pick<Values, DefaultedName>;

/**
 * Reads the environment; no other code does. An empty variable counts as not set. `~/` at the
 * beginning of a path stands for `home`, because no shell reads env files. `unknown` lists
 * meaningless names that begin with SYNCMEDIA_. Throws BAD_ENVIRONMENT naming the variable, its
 * value (unless it is a secret) and the expected values.
 */
export function readEnvironment(
  variables: Variables,
  home: string,
): { environment: Environment; unknown: string[] } {
  const environment: Partial<Record<string, unknown>> = {};
  const unknown: string[] = [];
  for (const [variable, value] of Object.entries(variables)) {
    if (value === undefined || value === '') continue;
    if (Object.hasOwn(environmentVariables, variable)) {
      environment[variable] = readVariable(variable as VariableName, value, home);
    } else if (variable.startsWith('SYNCMEDIA_')) {
      unknown.push(variable);
    }
  }
  return { environment, unknown };
}

/** Adds the defaults of variables that are not set. */
export function fillDefaults(environment: Environment): CompleteEnvironment {
  const defaults = Object.entries(environmentVariables)
    .filter(([, { schema }]) => v.getDefault(schema) !== undefined)
    .map(([variable, { schema }]) => [variable, v.parse(schema, undefined)]);
  return { ...Object.fromEntries(defaults), ...environment } as CompleteEnvironment;
}

/** The known names, for suggestions. */
export function listVariables(): VariableName[] {
  return Object.keys(environmentVariables) as VariableName[];
}

function readVariable(variable: VariableName, value: string, home: string): unknown {
  const { schema, expected, path, secret }: VariableDefinition = environmentVariables[variable];
  const expanded = path === true && value.startsWith('~/') ? join(home, value.slice(2)) : value;
  const refuse = (why: string, cause?: unknown): SyncMediaError => {
    const shown =
      secret === true
        ? 'is set to something that cannot be used'
        : `is ${JSON.stringify(expanded)}`;
    return new SyncMediaError('BAD_ENVIRONMENT', `${variable} ${shown}: ${why}`, { cause });
  };
  let result: v.SafeParseResult<typeof schema>;
  try {
    result = v.safeParse(schema, expanded);
  } catch (error) {
    if (hasErrorCode(error, 'BAD_ENVIRONMENT')) throw error;
    throw refuse(getErrorMessage(error), error);
  }
  if (result.success) return result.output;
  throw refuse(`expected ${expected}.`);
}
