/** Whether a value of a row is what it should be. */
export type Fits = (value: unknown) => boolean;
/** What each field of a row has to be. Fields that are not listed may hold anything. */
export type RowShape = Readonly<Record<string, Fits>>;

export const isText: Fits = (value) => typeof value === 'string';
/** For what becomes part of names of files and of HTTP headers. */
export const isToken: Fits = (value) => typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value);
export const isNumber: Fits = (value) => typeof value === 'number' && Number.isFinite(value);
export const isSize: Fits = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
export const isDate: Fits = (value) => value instanceof Date && Number.isFinite(value.getTime());
export const isBoolean: Fits = (value) => typeof value === 'boolean';
export const isOneOf = (...values: readonly unknown[]): Fits => (value) => values.includes(value);
export const isList = (fits: Fits): Fits => (value) => Array.isArray(value) && value.every(fits);
/** Null, too: the driver stores it for a field that is there and undefined. */
export const orNone = (fits: Fits): Fits => (value) => value === undefined || value === null || fits(value);
export const hasFields = (fields: RowShape): Fits => (value) => isRecord(value) && listMisfits(fields, value).length === 0;
export const isRecordOf = (fits: Fits): Fits => (value) => isRecord(value) && Object.values(value).every(fits);
export const isFailure = hasFields({ code: isText, message: isText, retryable: isBoolean, of: isOneOf('host', 'path') });

/** The fields of a row that hold something else than they should. */
export function listMisfits(shape: RowShape, row: object): string[] {
  return Object.entries(shape).filter(([name, fits]) => !fits((row as Record<string, unknown>)[name])).map(([name]) => name);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}
