/** Checks the value of a field. */
export type Fits = (value: unknown) => boolean;
/** The check of each field of a row. Fields that are not listed may hold anything. */
export type RowShape = Readonly<Record<string, Fits>>;

export const isText: Fits = (value) => typeof value === 'string';
/** For values that become part of file names and HTTP headers. */
export const isToken: Fits = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value);
export const isNumber: Fits = (value) => typeof value === 'number' && Number.isFinite(value);
export const isSize: Fits = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
export const isDate: Fits = (value) => value instanceof Date && Number.isFinite(value.getTime());
export const isBoolean: Fits = (value) => typeof value === 'boolean';
export const isOneOf =
  (...values: readonly unknown[]): Fits =>
  (value) =>
    values.includes(value);
export const isList =
  (fits: Fits): Fits =>
  (value) =>
    Array.isArray(value) && value.every(fits);
/** Also accepts null, which the driver stores for a property that is undefined. */
export const orNone =
  (fits: Fits): Fits =>
  (value) =>
    value === undefined || value === null || fits(value);
export const hasFields =
  (fields: RowShape): Fits =>
  (value) =>
    isRecord(value) && listMisfits(fields, value).length === 0;
export const isRecordOf =
  (fits: Fits): Fits =>
  (value) =>
    isRecord(value) && Object.values(value).every(fits);
export const isFailure = hasFields({
  code: isText,
  message: isText,
  retryable: isBoolean,
  of: isOneOf('host', 'path'),
});

/** Lists the fields of a row with unexpected values. */
export function listMisfits(shape: RowShape, row: object): string[] {
  return Object.entries(shape)
    .filter(([name, fits]) => !fits((row as Record<string, unknown>)[name]))
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
