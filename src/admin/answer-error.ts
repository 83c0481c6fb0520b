import { randomBytes } from 'node:crypto';
import { errorCatalogue, type ErrorCode, refusalCatalogue } from '../model/error-catalogue.js';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { Log } from '../model/log.js';
import { Refusal } from './refusal.js';

const httpStatuses = {
  BAD_OPTION: 400,
  BAD_PATH: 400,
  BAD_SYNC_DIR: 400,
  BAD_KEY: 400,
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  UNKNOWN_HOST: 404,
  UNKNOWN_RUN: 404,
  UNKNOWN_DOCUMENT: 404,
  NOT_RECORDED: 404,
  NOT_INITIALISED: 409,
  HOST_EXISTS: 409,
  HOST_CHANGED: 409,
  CHANGED: 409,
  HOST_CLONED: 409,
  HOST_RETIRED: 409,
  HOST_NOT_APPROVED: 409,
  HOST_SILENT: 409,
  CLOCKS_DIFFER: 409,
  NO_MARKER: 409,
  CANCELLED: 409,
  REMOVALS_HALTED: 409,
  NO_HISTORY: 409,
  BAD_ENVIRONMENT: 500,
  BAD_AUTHORIZED_KEYS: 500,
  NO_CONFINEMENT: 500,
  BAD_STATE: 500,
  TWO_CONNECTIONS: 500,
  MODEL_ALREADY_COMPILED: 500,
  RULES_DIFFER: 500,
  MISSING_PROGRAM: 500,
  NO_PROM_CLIENT: 501,
  RUN_FAILED: 500,
  NO_GOOD_COPY: 500,
  HISTORY_FAILED: 500,
  FORMAT_TOO_NEW: 503,
  NO_CONNECTION: 503,
  CLOSED: 503,
  HOST_UNREACHABLE: 502,
  HOST_KEY_MISMATCH: 502,
  AUTH_FAILED: 502,
  NO_USER: 500,
  NO_SFTP: 502,
  REPLY_TOO_LARGE: 502,
  DISK_FULL: 502,
  PERMISSION_DENIED: 502,
  TRANSFER_FAILED: 502,
  LINK_FAILED: 502,
  SYMLINK_IN_PATH: 502,
  NOT_A_FILE: 502,
  TIMED_OUT: 504,
  MEDIA_COPIES_TIMEOUT: 504,
} as const satisfies Record<ErrorCode, number>;

/** The router's own codes; it uses some of the others with a second status. */
const refusalStatuses = {
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TOO_LARGE: 413,
  TOO_SLOW: 408,
  TOO_MANY_FAILURES: 429,
  TOO_MANY_STREAMS: 503,
  INTERNAL: 500,
} as const satisfies Record<keyof typeof refusalCatalogue, number>;

/** Every code of an error answer, with its status. */
export const errorStatuses = { ...httpStatuses, ...refusalStatuses };
/** Every code of an error answer, with its meaning and remedy. */
export const errorTexts = { ...errorCatalogue, ...refusalCatalogue };
export type AnswerCode = keyof typeof errorStatuses;

/**
 * Messages with these codes may be shown: they contain only the other host's address and keys,
 * which the caller gave or sees in the list.
 */
const codesWithPublicMessage: ReadonlySet<ErrorCode> = new Set([
  'HOST_UNREACHABLE',
  'HOST_KEY_MISMATCH',
  'AUTH_FAILED',
  'NO_PROM_CLIENT',
]);

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

export interface ErrorBody {
  readonly error: {
    readonly code: AnswerCode;
    readonly message: string;
    readonly remedy: string;
  };
}

/**
 * Converts an error into the answer that the caller may see. An internal error is answered with
 * its code; its details are only in the log.
 */
export function createErrorAnswer(error: unknown, sent: unknown, log: Log): ErrorAnswer {
  if (error instanceof Refusal)
    return makeErrorAnswer(error.status, error.code, error.message, error.headers);
  if (error instanceof SyncMediaError) {
    const status = httpStatuses[error.code];
    if (status < 500 || codesWithPublicMessage.has(error.code))
      return makeErrorAnswer(status, error.code, hidePaths(error.message, sent));
    return makeErrorAnswer(
      status,
      error.code,
      `${errorCatalogue[error.code].meaning} ${logWithReference(error, log)}`,
    );
  }
  return makeErrorAnswer(500, 'INTERNAL', `Something failed here. ${logWithReference(error, log)}`);
}

function makeErrorAnswer(
  status: number,
  code: AnswerCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ErrorAnswer {
  return { status, headers, body: { error: { code, message, remedy: errorTexts[code].remedy } } };
}

function logWithReference(error: unknown, log: Log): string {
  const reference = randomBytes(4).toString('hex');
  const details =
    error instanceof SyncMediaError
      ? `${error.code}: ${error.message}`
      : error instanceof Error
        ? (error.stack ?? error.message)
        : getErrorMessage(error);
  log.error(`admin request failed, reference ${reference}: ${details}`);
  return `The log has more under reference ${reference}.`;
}

/**
 * Hides absolute paths that the caller has not sent, since they reveal the layout of this server.
 */
function hidePaths(message: string, sent: unknown): string {
  const sentJson = JSON.stringify(sent ?? null);
  const hide = (path: string): string =>
    sentJson.includes(JSON.stringify(path).slice(1, -1)) ? path : '…';
  return message
    .replace(
      /(["'`])(\/[^"'`]*)\1/g,
      (_, quote: string, path: string) => `${quote}${hide(path)}${quote}`,
    )
    .replace(
      /(^|[\s(=,[:])(\/[^\s"'`),\]:;]+)/g,
      (_, before: string, path: string) => `${before}${hide(path)}`,
    );
}
