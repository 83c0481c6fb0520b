/**
 * Whether a save's error proves that MongoDB wrote nothing: a validation, version or not-found error, a duplicate key, or a hook
 * that threw before the write. After any other answer of the driver (a network error, a timeout) the document may be there.
 */
export function provesNothingWritten(error: unknown, written: boolean): boolean {
  if (written) return false;
  if (!(error instanceof Error)) return true;
  if ((error as Error & { code?: unknown }).code === 11_000) return true;
  return !isOfConnection(error);
}

/** The driver's errors and Mongoose's own about the connection, also where a hook wrapped them; ValidationError, VersionError … have other names. */
export function isOfConnection(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at.name.startsWith('Mongo')) return true;
  }
  return false;
}
