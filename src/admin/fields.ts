import * as v from 'valibot';
import { Refusal } from './refusal.js';

/**
 * Describes one field of a body or a query. It both validates the field and is its description in
 * OpenAPI. Required, unless `v.exactOptional` wraps it.
 */
export type Field<T = unknown> = v.GenericSchema<unknown, T>;

export type Fields = Readonly<Record<string, Field | v.ExactOptionalSchema<Field, undefined>>>;
export type FieldValues<F extends Fields> = v.InferOutput<v.ObjectSchema<F, undefined>>;

/**
 * Reads the fields of a body or a query, and checks each. Optional fields that were not sent are
 * left out.
 *
 * @throws Refusal 400 that names the unknown, missing or malformed field
 */
export function readFields<F extends Fields>(given: unknown, fields: F): FieldValues<F> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw makeBadRequest('The body must be a JSON object.');
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) {
    throw makeBadRequest(
      `${JSON.stringify(unknown.slice(0, 64))} is not known here; known are: ` +
        `${Object.keys(fields).join(', ') || 'none'}.`,
    );
  }
  const missing = Object.entries(fields)
    .filter(([name, { type }]) => type !== 'exact_optional' && !Object.hasOwn(given, name))
    .map(([name]) => name);
  if (missing.length > 0) throw makeBadRequest(`${missing.join(', ')}: missing.`);
  const read = v.safeParse(v.object(fields as v.ObjectEntries), given, { abortEarly: true });
  if (read.success) return read.output as FieldValues<F>;
  const [{ path, message }] = read.issues;
  throw makeBadRequest(`${formatPath(path)} ${message}.`);
}

/** Completes a sentence that begins with the name of the field. */
function must<T>(schema: Field<T>, message: string): Field<T> {
  return v.config(schema, { message });
}

/** One line of text without control characters. */
export const textField = (longest = 255): Field<string> =>
  must(
    v.pipe(v.string(), v.minLength(1), v.maxLength(longest), v.regex(/^\P{Cc}+$/u)),
    `must be one line of text, 1 to ${String(longest)} characters`,
  );

export const integerField = (least: number, most: number): Field<number> =>
  must(
    v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most)),
    describeInteger(least, most),
  );

/** A whole number in a query, where it travels as text. */
export const countField = (least: number, most: number): Field<number> =>
  must(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,15}$/),
      v.transform(Number),
      v.number(),
      v.integer(),
      v.minValue(least),
      v.maxValue(most),
    ),
    describeInteger(least, most),
  );

export const booleanField: Field<boolean> = must(v.boolean(), 'must be true or false');

export const choiceField = <const T extends string>(...choices: T[]): Field<T> =>
  must(v.picklist(choices), `must be one of: ${choices.join(', ')}`);

export const listField = <T>(field: Field<T>, longest = 1000): Field<T[]> =>
  must(
    v.pipe(v.array(field), v.maxLength(longest)),
    `must be a list of at most ${String(longest)}`,
  );

/**
 * A public key line. Paths are refused, because the router would read files of the server for a
 * caller.
 */
export const publicKeyField: Field<string> = v.pipe(
  textField(16_384),
  v.regex(
    /^(ssh-|ecdsa-|sk-)/,
    'must be a public key line ("ssh-ed25519 AAAA…"); only the command line takes a path',
  ),
);

const describeInteger = (least: number, most: number): string =>
  `must be a whole number from ${String(least)} to ${String(most)}`;

/** Such as `dirs[0]`. */
function formatPath(path: readonly { readonly key?: unknown }[] = []): string {
  return path
    .map(({ key }, index) =>
      typeof key === 'number' ? `[${String(key)}]` : `${index > 0 ? '.' : ''}${String(key)}`,
    )
    .join('');
}

function makeBadRequest(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message);
}
