import type { ErrorCode } from './error-catalogue.js';

/**
 * Why something failed. `scope` says what fails: a failure of scope 'host' delays the host's
 * whole delivery queue, one of scope 'path' blocks only that path. A failure that is not
 * `retryable` waits for a person.
 */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly scope: 'host' | 'path';
}
