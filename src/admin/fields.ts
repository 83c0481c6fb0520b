import { Refusal } from './refusal.js';

/** Checks a field's value. Returns it, or throws a Refusal that contains the field's name. */
export type Field<T> = (value: unknown, name: string) => T;

type Fields = Readonly<Record<string, Field<unknown>>>;
type Read<F extends Fields> = { -readonly [K in keyof F]?: ReturnType<F[K]> };

/**
 * Reads the fields of a body or a query, and checks each. Fields that were not sent are left out.
 *
 * @throws Refusal 400 that names the unknown or malformed field
 */
export function readFields<F extends Fields>(given: unknown, fields: F): Read<F> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw bad('The body must be a JSON object.');
  const read: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(fields, name)) {
      throw bad(
        `${JSON.stringify(name.slice(0, 64))} is not known here; known are: ` +
          `${Object.keys(fields).join(', ') || 'none'}.`,
      );
    }
    read[name] = fields[name]?.(value, name);
  }
  return read as Read<F>;
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
  if (missing.length > 0) throw bad(`${missing.join(', ')}: missing.`);
  return read as T & Required<Pick<T, K>>;
}

/** One line of text without control characters. */
export const text =
  (longest = 255): Field<string> =>
  (value, name) => {
    if (typeof value !== 'string' || value === '' || value.length > longest || hasControl(value)) {
      throw bad(`${name} must be one line of text, 1 to ${String(longest)} characters.`);
    }
    return value;
  };

export const wholeNumber =
  (least: number, most: number): Field<number> =>
  (value, name) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      throw bad(`${name} must be a whole number from ${String(least)} to ${String(most)}.`);
    }
    return value;
  };

export const yesOrNo: Field<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw bad(`${name} must be true or false.`);
  return value;
};

export const oneOf =
  <const T extends string>(...choices: T[]): Field<T> =>
  (value, name) => {
    const choice = choices.find((one) => one === value);
    if (choice === undefined) throw bad(`${name} must be one of: ${choices.join(', ')}.`);
    return choice;
  };

export const listOf =
  <T>(field: Field<T>, longest = 1000): Field<T[]> =>
  (value, name) => {
    if (!Array.isArray(value) || value.length > longest)
      throw bad(`${name} must be a list of at most ${String(longest)}.`);
    return value.map((one: unknown, index) => field(one, `${name}[${String(index)}]`));
  };

/**
 * A public key line. Paths are refused, because the router would read files of the server for a
 * caller.
 */
export const publicKeyLine: Field<string> = (value, name) => {
  const line = text(16_384)(value, name);
  if (!/^(ssh-|ecdsa-|sk-)/.test(line))
    throw bad(
      `${name} must be a public key line ("ssh-ed25519 AAAA…"); a path is taken by the command ` +
        `line only.`,
    );
  return line;
};

function hasControl(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

function bad(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message);
}
