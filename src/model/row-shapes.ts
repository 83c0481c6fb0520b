/** Checks the value of a field. */
export type FieldCheck = (value: unknown) => boolean;
/** The check of each field of a row. Fields that are not listed may hold anything. */
export type RowShape = Readonly<Record<string, FieldCheck>>;

export const isText: FieldCheck = (value) => typeof value === 'string';
/** For values that become part of file names and HTTP headers. */
export const isToken: FieldCheck = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value);
export const isNumber: FieldCheck = (value) => typeof value === 'number' && Number.isFinite(value);
export const isSize: FieldCheck = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
export const isDate: FieldCheck = (value) =>
  value instanceof Date && Number.isFinite(value.getTime());
export const isBoolean: FieldCheck = (value) => typeof value === 'boolean';
export const isOneOf =
  (...values: readonly unknown[]): FieldCheck =>
  (value) =>
    values.includes(value);
export const isList =
  (check: FieldCheck): FieldCheck =>
  (value) =>
    Array.isArray(value) && value.every(check);
/** Also accepts null, which the driver stores for a property that is undefined. */
export const isOptional =
  (check: FieldCheck): FieldCheck =>
  (value) =>
    value === undefined || value === null || check(value);
export const hasFields =
  (fields: RowShape): FieldCheck =>
  (value) =>
    isRecord(value) && listMisfits(fields, value).length === 0;
export const isRecordOf =
  (check: FieldCheck): FieldCheck =>
  (value) =>
    isRecord(value) && Object.values(value).every(check);
export const isFailure = hasFields({
  code: isText,
  message: isText,
  retryable: isBoolean,
  scope: isOneOf('host', 'path'),
});

/** Lists the fields of a row with unexpected values. */
export function listMisfits(shape: RowShape, row: object): string[] {
  return Object.entries(shape)
    .filter(([name, check]) => !check((row as Record<string, unknown>)[name]))
    .map(([name]) => name);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
  );
}
