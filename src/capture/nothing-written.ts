/**
 * Whether a save's error proves that MongoDB wrote nothing: a validation, version or not-found error, a duplicate key, or a hook
 * that threw before the write. After any other answer of the driver (a network error, a timeout) the document may be there.
 */
export function provesNothingWritten(error: unknown, written: boolean): boolean {
  if (written) return false;
  if (!(error instanceof Error)) return true;
  if (isDuplicateKey(error)) return true;
  return !isOfConnection(error);
}

/** Mongoose's own errors about what it was given, before anything is sent. */
const refusals = new Set(['CastError', 'ValidationError', 'StrictModeError', 'ObjectParameterError', 'ObjectExpectedError']);

/**
 * Whether the error of a query proves it. Less does than for a save: transforms of the app may throw after
 * the write, and of many documents some may be written before one is a duplicate.
 */
export function provesQueryWroteNothing(error: unknown, { many, upsert }: { many: boolean; upsert: boolean }): boolean {
  if (!(error instanceof Error)) return false;
  // `orFail()` throws it where the answer holds no document, as that of an upsert may.
  if (error.name === 'DocumentNotFoundError') return !upsert;
  return refusals.has(error.name) || (!many && isDuplicateKey(error));
}

/** The driver's errors and Mongoose's own about the connection, also where a hook wrapped them; ValidationError, VersionError … have other names. */
export function isOfConnection(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at.name.startsWith('Mongo')) return true;
  }
  return false;
}

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 11_000;
}
