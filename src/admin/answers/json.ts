import * as v from 'valibot';

/** A value of type `T` after it travelled as JSON: dates and paths arrive as text. */
export type Json<T> = unknown extends T
  ? unknown
  : T extends Date | { readonly safe: true }
    ? string
    : T extends readonly (infer Item)[]
      ? Json<Item>[]
      : T extends object
        ? { [K in keyof T]: Json<T[K]> }
        : T;

/** Describes the JSON of a `T`. */
export type JsonSchema<T> = v.GenericSchema<unknown, Json<T>>;

type SchemasOf<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? v.ExactOptionalSchema<JsonSchema<Exclude<T[K], undefined>>, undefined>
    : JsonSchema<T[K]>;
};

/**
 * Describes an object by a schema for each of its keys. The compiler refuses a missing and an
 * unknown key, so a type and the description of its JSON stay the same.
 */
export function objectOf<T extends object>(schemas: SchemasOf<T>): JsonSchema<T> {
  return v.strictObject(schemas as unknown as v.ObjectEntries) as unknown as JsonSchema<T>;
}

/** An object with any keys, such as host ids or sync dirs. */
export function recordOf<T>(value: JsonSchema<T>): JsonSchema<Readonly<Record<string, T>>> {
  return v.record(v.string(), value);
}

export const dateText = v.pipe(v.string(), v.isoTimestamp());
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
