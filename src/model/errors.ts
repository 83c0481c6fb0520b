/**
 * Every error code of this package, with its meaning and remedy. A test compares the
 * table of docs/reference.md with it.
 */
export const errorCodes = {
  BAD_OPTION:
    'An option given to the plugin, the instance, the router or the command line is unknown or ' +
    'malformed; the message names it.',
  BAD_ENVIRONMENT: 'An environment variable has a value that cannot be used; the message names it.',
  BAD_PATH:
    'A path is absolute, leaves its sync dir, passes a symlink, is not valid UTF-8, or differs ' +
    'only by case from one that is there on a disk that ignores case.',
  BAD_SYNC_DIR:
    'A sync dir is absolute, has `..`, does not exist below the root or is no directory.',
  BAD_KEY: 'A key is not exactly one OpenSSH public key, or its private half cannot be used.',
  BAD_AUTHORIZED_KEYS:
    'The authorized_keys file cannot be managed: it is a symlink, belongs to or is writable by ' +
    'others, or lost a marker line.',
  NO_CONFINEMENT:
    'The keys of other hosts cannot be confined to the sync dirs here: Landlock, seccomp, ' +
    'Python 3 or sftp-server is missing; the message says which.',
  BAD_STATE:
    'The state folder cannot be used, or what it says does not fit (another database, another ' +
    'root).',
  NOT_INITIALISED: 'This machine has no host id in its state folder: run `syncmedia init`.',
  NO_CONNECTION:
    'No Mongoose connection is known: compile a plugged model first or pass `connection`. Or ' +
    'the app closed it: it works again once it is open. From the command line: the database ' +
    'does not answer.',
  TWO_CONNECTIONS:
    'Models of two open Mongoose connections were plugged into one instance: make one instance ' +
    'for each.',
  MODEL_ALREADY_COMPILED:
    'A model named in modelSync was compiled before: hooks added later never run.',
  RULES_DIFFER: 'Two models declare different rules for one sync dir.',
  UNKNOWN_HOST: 'No host has that name or id.',
  UNKNOWN_RUN: 'No run has that id.',
  HOST_EXISTS: 'Another host already has that hostname, or that url and port.',
  HOST_CHANGED: 'The host was changed since its fingerprints were shown: look again, then decide.',
  HOST_CLONED:
    'Two machines run with one host id: remove the state folder on the copy and run `syncmedia ' +
    'init` there.',
  HOST_RETIRED: 'The host was unregistered; run `syncmedia init` to register it anew.',
  FORMAT_TOO_NEW: 'The database was written by a newer syncmedia: upgrade this one.',
  MISSING_PROGRAM: 'A program is missing here or on the other host: rsync, ssh or sshd.',
  HOST_UNREACHABLE: 'The other host does not answer, or the connection broke.',
  HOST_KEY_MISMATCH: 'The other host shows another host key than the pinned one.',
  AUTH_FAILED: 'The other host does not accept our key.',
  NO_SFTP: 'The other host offers no SFTP subsystem, or one without posix-rename.',
  REPLY_TOO_LARGE:
    'Another host answered with more than any honest server does, or in uselessly small pieces; ' +
    'the connection was ended. Look whether that host was taken over.',
  NO_MARKER: 'The sync dir has no `.syncmedia/id`: it is not mounted, or was never initialised.',
  DISK_FULL: 'No space is left on the receiving disk.',
  PERMISSION_DENIED: 'The receiving user may not write there.',
  TIMED_OUT: 'It took longer than the timeout.',
  TRANSFER_FAILED: 'rsync or SFTP failed for another reason, kept in the message.',
  LINK_FAILED:
    'The file at the path could not be backed up by a hard link, so it was not replaced.',
  SYMLINK_IN_PATH: 'A directory on the way to the file is a symlink.',
  NOT_A_FILE: 'Something other than a regular file lies at the path.',
  MEDIA_COPIES_TIMEOUT:
    'Too few hosts held what was saved when `copiesTimeout` was over (it is still being ' +
    'delivered), or this host does not keep its sync dir. The message says who holds it, who ' +
    'does not and why.',
  UNKNOWN_DOCUMENT: 'No plugged model has that name, or no document that id.',
  RUN_FAILED: 'A run ended with failures; they are listed per host.',
  NO_GOOD_COPY: 'No host has bytes that match the ledger, so the file was not repaired.',
  CANCELLED: 'It was cancelled.',
  UNAUTHORIZED: 'The router was asked without valid credentials.',
  FORBIDDEN: 'The request is not allowed from this origin or in this form.',
  BAD_REQUEST: 'The request body or a parameter is malformed; the message names it.',
  CLOSED: 'The instance was closed.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

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
}

/** Whether `error` is a SyncMediaError with this code. */
export function hasErrorCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof SyncMediaError && error.code === code;
}

/** The message of anything that was thrown. */
export function getErrorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
