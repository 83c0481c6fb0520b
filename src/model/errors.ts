import { type ErrorCode, makeErrorAnchor, referencePath } from './error-catalogue.js';

export type { ErrorCode } from './error-catalogue.js';

/** An error of this package: `code` for programs, `message` with cause and remedy for people. */
export class SyncMediaError extends Error {
  override readonly name = 'SyncMediaError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  /** Where the installed package documents this code: its meaning and what to do. */
  get docs(): string {
    return `${referencePath}#${makeErrorAnchor(this.code)}`;
  }
}

/** Whether `error` is a SyncMediaError with this code. */
export function hasErrorCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof SyncMediaError && error.code === code;
}

/** The message of anything that was thrown. */
export function getErrorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
