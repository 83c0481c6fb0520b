import { Refusal } from './refusal.js';

/** Checks a field's value. Returns it, or throws a Refusal that contains the field's name. */
type FieldParser<T> = (value: unknown, name: string) => T;

type FieldChecks = Readonly<Record<string, FieldParser<unknown>>>;
type FieldValues<F extends FieldChecks> = { -readonly [K in keyof F]?: ReturnType<F[K]> };

/**
 * Reads the fields of a body or a query, and checks each. Fields that were not sent are left out.
 *
 * @throws Refusal 400 that names the unknown or malformed field
 */
export function readFields<F extends FieldChecks>(given: unknown, fields: F): FieldValues<F> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw makeBadRequest('The body must be a JSON object.');
  const read: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(fields, name)) {
      throw makeBadRequest(
        `${JSON.stringify(name.slice(0, 64))} is not known here; known are: ` +
          `${Object.keys(fields).join(', ') || 'none'}.`,
      );
    }
    read[name] = fields[name]?.(value, name);
  }
  return read as FieldValues<F>;
}

/**
 * Requires some of the fields that `readFields` returned.
 *
 * @throws Refusal 400 that names the missing fields
 */
export function requireFields<T extends object, K extends keyof T & string>(
  read: T,
  ...names: K[]
): T & Required<Pick<T, K>> {
  const missing = names.filter((name) => read[name] === undefined);
  if (missing.length > 0) throw makeBadRequest(`${missing.join(', ')}: missing.`);
  return read as T & Required<Pick<T, K>>;
}

/** One line of text without control characters. */
export const textField =
  (longest = 255): FieldParser<string> =>
  (value, name) => {
    if (
      typeof value !== 'string' ||
      value === '' ||
      value.length > longest ||
      hasControlCharacter(value)
    ) {
      throw makeBadRequest(`${name} must be one line of text, 1 to ${String(longest)} characters.`);
    }
    return value;
  };

export const integerField =
  (least: number, most: number): FieldParser<number> =>
  (value, name) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      throw makeBadRequest(
        `${name} must be a whole number from ${String(least)} to ${String(most)}.`,
      );
    }
    return value;
  };

export const booleanField: FieldParser<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw makeBadRequest(`${name} must be true or false.`);
  return value;
};

export const choiceField =
  <const T extends string>(...choices: T[]): FieldParser<T> =>
  (value, name) => {
    const choice = choices.find((one) => one === value);
    if (choice === undefined)
      throw makeBadRequest(`${name} must be one of: ${choices.join(', ')}.`);
    return choice;
  };

export const listField =
  <T>(field: FieldParser<T>, longest = 1000): FieldParser<T[]> =>
  (value, name) => {
    if (!Array.isArray(value) || value.length > longest)
      throw makeBadRequest(`${name} must be a list of at most ${String(longest)}.`);
    return value.map((one: unknown, index) => field(one, `${name}[${String(index)}]`));
  };

/**
 * A public key line. Paths are refused, because the router would read files of the server for a
 * caller.
 */
export const publicKeyField: FieldParser<string> = (value, name) => {
  const line = textField(16_384)(value, name);
  if (!/^(ssh-|ecdsa-|sk-)/.test(line))
    throw makeBadRequest(
      `${name} must be a public key line ("ssh-ed25519 AAAA…"); a path is taken by the command ` +
        `line only.`,
    );
  return line;
};

function hasControlCharacter(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

function makeBadRequest(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message);
}
