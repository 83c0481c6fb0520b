/** The codes that only the router has, in addition to those of SyncMediaError. */
export const refusalCodes = {
  NOT_FOUND: 'The router has no such address.',
  METHOD_NOT_ALLOWED: 'The address supports other methods; they are in `Allow`.',
  UNSUPPORTED_MEDIA_TYPE: 'A request that changes something must be sent as `application/json`.',
  TOO_LARGE: 'The request body is larger than 64 KiB.',
  TOO_MANY_FAILURES:
    'Too many wrong tokens lately, from all callers together; `Retry-After` says when to try again.',
  INTERNAL: 'It failed for a reason that is only in the log, under the reference of the message.',
} as const;

export type RefusalCode = keyof typeof refusalCodes | 'UNAUTHORIZED' | 'FORBIDDEN' | 'BAD_REQUEST';

/** A refused request: the answer, as an error. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    readonly code: RefusalCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}
