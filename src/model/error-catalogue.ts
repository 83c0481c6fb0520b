/** An error code in the documentation. */
export interface ErrorEntry {
  readonly meaning: string;
  readonly remedy: string;
}

/** Every error code of this package. docs/reference.md is generated from it. */
export const errorCatalogue = {
  BAD_OPTION: {
    meaning:
      'An option given to the plugin, the instance, the router or the command line is ' +
      'unknown or malformed; the message names it.',
    remedy: 'Correct the option that the message names.',
  },
  BAD_ENVIRONMENT: {
    meaning: 'An environment variable has a value that cannot be used; the message names it.',
    remedy: 'Correct the variable, or unset it to get its default.',
  },
  BAD_PATH: {
    meaning:
      'A path is absolute, leaves its sync dir, passes a symlink, is not valid UTF-8, or ' +
      'differs only by case from one that is there on a disk that ignores case.',
    remedy: 'Store a path below a sync dir, and rename files whose names differ only by case.',
  },
  BAD_SYNC_DIR: {
    meaning: 'A sync dir is absolute, has `..`, does not exist below the root or is no directory.',
    remedy: 'Give a directory below the root, like `uploads/photos`, and create it on every host.',
  },
  BAD_KEY: {
    meaning: 'A key is not exactly one OpenSSH public key, or its private half cannot be used.',
    remedy:
      'Give one public key line or its file, or let `syncmedia init --generate` make a key ' +
      'pair.',
  },
  BAD_AUTHORIZED_KEYS: {
    meaning:
      'The authorized_keys file cannot be managed: it is a symlink, belongs to or is ' +
      'writable by others, or lost a marker line.',
    remedy:
      'Correct the file and its permissions as the message says, then run `syncmedia init` ' +
      'again.',
  },
  NO_CONFINEMENT: {
    meaning:
      'The keys of other hosts cannot be confined to the sync dirs here: Landlock, seccomp, ' +
      'Python 3 or sftp-server is missing; the message says which.',
    remedy: 'Install the missing part, or accept login shells with `syncmedia init --unconfined`.',
  },
  BAD_STATE: {
    meaning:
      'The state folder cannot be used, or what it says does not fit (another database, ' +
      'another root).',
    remedy:
      'Choose another state folder, or remove it and run `syncmedia init`, as the message ' +
      'says.',
  },
  NOT_INITIALISED: {
    meaning: 'This machine has no host id in its state folder.',
    remedy: 'Run `syncmedia init` on this machine.',
  },
  NO_CONNECTION: {
    meaning: 'No Mongoose connection is known, the app closed it, or the database does not answer.',
    remedy:
      'Compile a plugged model first or pass `connection`; open the connection again; check ' +
      'that the database runs.',
  },
  TWO_CONNECTIONS: {
    meaning: 'Models of two open Mongoose connections were plugged into one instance.',
    remedy: 'Make one instance for each connection with `createSyncMedia`.',
  },
  MODEL_ALREADY_COMPILED: {
    meaning: 'A model named in modelSync was compiled before: hooks added later never run.',
    remedy: 'Create the instance, or import the module that does, before the models.',
  },
  RULES_DIFFER: {
    meaning: 'Two models declare different rules for one sync dir.',
    remedy: 'Give both models the same `exclude`, `conflict` and `onDelete`.',
  },
  UNKNOWN_HOST: {
    meaning: 'No host has that name or id.',
    remedy: 'List the hosts with `syncmedia hosts`.',
  },
  UNKNOWN_RUN: {
    meaning: 'No run has that id.',
    remedy: 'List the runs with `syncmedia runs`.',
  },
  HOST_EXISTS: {
    meaning: 'Another host already has that hostname, or that url and port.',
    remedy:
      'Choose another name or address, or unregister the other host. On a machine that was that ' +
      'host and lost its state folder, run `syncmedia init --replace`.',
  },
  HOST_CHANGED: {
    meaning: 'The host was changed since its fingerprints were shown.',
    remedy: 'Look at the fingerprints again, then decide.',
  },
  CHANGED: {
    meaning:
      'What was shown has changed since: the number of files that a decision concerns, one of ' +
      'the two files of a conflict, or the file that a restore would replace. Nothing was done.',
    remedy: 'Look at it again, then decide.',
  },
  HOST_CLONED: {
    meaning: 'Two machines run with one host id.',
    remedy:
      'Remove the state folder on the copy, and run `syncmedia init` there. Then restart the ' +
      'application on both machines.',
  },
  HOST_NOT_APPROVED: {
    meaning:
      'A host waits for approval: it registered and nobody approved it, or its row in the ' +
      'database has no valid seal or is malformed.',
    remedy:
      'Compare its fingerprints with those that `syncmedia init` printed on that machine, and ' +
      'run `syncmedia approve` with its name on an approved host. If its row has no valid seal, ' +
      'set the same `SYNCMEDIA_SECRET` there first, and run `syncmedia init` again.',
  },
  HOST_SILENT: {
    meaning: 'No process of a host has sent a heartbeat for two minutes.',
    remedy:
      'See that the machine is up and that the application runs there, calls ' +
      '`startSyncMedia()` and reaches the database. Retire a machine that is gone with ' +
      '`syncmedia unregister NAME --safe` on another host.',
  },
  CLOCKS_DIFFER: {
    meaning: "A host's clock differs from that of the database by more than five seconds.",
    remedy: 'Run an NTP client on that machine, such as chrony or systemd-timesyncd.',
  },
  HOST_RETIRED: {
    meaning: 'The host was unregistered.',
    remedy: 'Run `syncmedia init` to register it anew.',
  },
  FORMAT_TOO_NEW: {
    meaning: 'The database was written by a newer syncmedia.',
    remedy: 'Install that version of syncmedia here, or a newer one.',
  },
  MISSING_PROGRAM: {
    meaning: 'A program is missing here or on the other host: rsync, ssh or sshd.',
    remedy: 'Install the program that the message names; `syncmedia doctor` checks all of them.',
  },
  NO_PROM_CLIENT: {
    meaning:
      'The package prom-client, which writes the metrics as text, is not installed or cannot be ' +
      'loaded.',
    remedy:
      'Run `npm install prom-client` in the directory of the application. In a bundle, register ' +
      'the metrics in a registry of your own with `syncMetrics(register)`.',
  },
  HOST_UNREACHABLE: {
    meaning: 'The other host does not answer, or the connection broke.',
    remedy:
      'Do nothing if the host comes back: deliveries are retried. Otherwise check its ' +
      'address, sshd and firewall; `syncmedia doctor` helps.',
  },
  HOST_KEY_MISMATCH: {
    meaning: 'The other host shows another host key than the pinned one.',
    remedy:
      'If its sshd got new keys, run `syncmedia init` there, or compare the fingerprints ' +
      'and run `syncmedia keys accept` here. Otherwise another machine answers at its ' +
      'address.',
  },
  AUTH_FAILED: {
    meaning: 'The other host does not accept our key.',
    remedy:
      'Run `syncmedia init` on the host that refuses: it installs the keys again. On a passive ' +
      'host, add the key by hand; `syncmedia doctor` says which.',
  },
  NO_USER: {
    meaning:
      'The user id of this process has no name on this machine, as in a container that was ' +
      'started with any id. ssh and sshd do not work for such a user.',
    remedy: 'Add a line for the id to /etc/passwd, or run the process as a user that has one.',
  },
  NO_SFTP: {
    meaning: 'The other host offers no SFTP subsystem, or one without posix-rename.',
    remedy: "Enable OpenSSH's `Subsystem sftp` on the other host.",
  },
  REPLY_TOO_LARGE: {
    meaning:
      'Another host answered with more than any honest server does, or in uselessly small ' +
      'pieces; the connection was ended.',
    remedy:
      'Find out whether an attacker controls that host. If in doubt, run ' +
      '`syncmedia unregister` with its name.',
  },
  NO_MARKER: {
    meaning: 'The sync dir has no `.syncmedia/id`: it is not mounted, or was never initialised.',
    remedy: 'Mount the sync dir, or run `syncmedia init` on that host.',
  },
  DISK_FULL: {
    meaning: 'No space is left on the receiving disk.',
    remedy: 'Free space on that host; the delivery is retried.',
  },
  PERMISSION_DENIED: {
    meaning: 'The receiving user may not write there.',
    remedy: 'Give that user write access to the sync dir; the delivery is retried.',
  },
  TIMED_OUT: {
    meaning: 'An operation took longer than its time limit.',
    remedy:
      'Do nothing if it happens rarely: deliveries are retried. Otherwise look for the cause ' +
      'on the other host, or raise `SYNCMEDIA_TIMEOUT`.',
  },
  TRANSFER_FAILED: {
    meaning: 'rsync or SFTP failed for another reason, kept in the message.',
    remedy: 'Remove the cause that the message names; the delivery is retried.',
  },
  LINK_FAILED: {
    meaning: 'The file at the path could not be backed up by a hard link, so it was not replaced.',
    remedy: 'Keep the sync dir on a file system with hard links, and check who owns the file.',
  },
  SYMLINK_IN_PATH: {
    meaning: 'A directory on the way to the file is a symlink.',
    remedy: 'Replace the symlink by a directory, or make its target a sync dir of its own.',
  },
  NOT_A_FILE: {
    meaning: 'Something other than a regular file lies at the path.',
    remedy: 'Move it away, or delete the file on the other hosts.',
  },
  MEDIA_COPIES_TIMEOUT: {
    meaning:
      'Too few hosts held what was saved when `copiesTimeout` was over (it is still being ' +
      'delivered), or this host does not keep its sync dir. The message says who holds it, ' +
      'who does not and why.',
    remedy:
      'Do not save again. Ask for fewer `copies`, allow more time, or repair the hosts that ' +
      'the message names.',
  },
  UNKNOWN_DOCUMENT: {
    meaning: 'No plugged model has that name, or no document that id.',
    remedy: 'Check the name of the model and the id.',
  },
  RUN_FAILED: {
    meaning: 'A run ended with failures; they are listed per host.',
    remedy: 'Remove the causes and request the run again.',
  },
  NO_GOOD_COPY: {
    meaning: 'No host has bytes that match the ledger, so the file was not repaired.',
    remedy: 'Restore the file from a backup or from `.syncmedia/trash`.',
  },
  NO_HISTORY: {
    meaning: 'The backend of this host keeps no history, so it knows no earlier versions.',
    remedy: 'Set `SYNCMEDIA_BACKEND=git` or `git-annex`, and restart the application.',
  },
  NOT_RECORDED: {
    meaning: 'The history does not have that version, or only its name and hash.',
    remedy: 'List the versions with `syncmedia history`; `syncmedia trash` may have the file.',
  },
  HISTORY_FAILED: {
    meaning:
      'git or git-annex failed to record, share or read the history. No delivery depends on it.',
    remedy:
      'Remove the cause that the message names; recording and sharing are retried, and nothing ' +
      'that is recorded is lost.',
  },
  CANCELLED: {
    meaning: 'The operation was cancelled.',
    remedy: 'If you did not intend that, start it again.',
  },
  REMOVALS_HALTED: {
    meaning:
      'Very many files of a sync dir were deleted within ten minutes, which looks like an ' +
      'accident. The other hosts keep the files until a person decides.',
    remedy:
      'Run `syncmedia removals`, and then `syncmedia removals approve` or ' +
      '`syncmedia removals reject` with the sync dir.',
  },
  UNAUTHORIZED: {
    meaning: 'The router was asked without valid credentials.',
    remedy: 'Send the token, as Bearer or as the password of Basic.',
  },
  FORBIDDEN: {
    meaning: 'The request is not allowed from this origin or in this form.',
    remedy: 'Send the request from the origin of the router, and have `authorize` allow it.',
  },
  BAD_REQUEST: {
    meaning: 'The request body or a parameter is malformed; the message names it.',
    remedy: 'Correct the field that the message names.',
  },
  CLOSED: {
    meaning: 'The instance was closed.',
    remedy: 'Use the instance before `close()`, or create a new one.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

/**
 * The one remedy for a code, wherever it is shown. A row may hold the code of a newer version,
 * which this one does not know.
 */
export function getRemedy(code: string): string {
  return Object.hasOwn(errorCatalogue, code)
    ? errorCatalogue[code as ErrorCode].remedy
    : 'Look for this code in the reference of the newest syncmedia that one of your hosts runs.';
}

/** The codes that only the router has, in addition to those of SyncMediaError. */
export const refusalCatalogue = {
  NOT_FOUND: {
    meaning: 'The router has no such address.',
    remedy: 'Check the address.',
  },
  METHOD_NOT_ALLOWED: {
    meaning: 'The address supports other methods; they are in `Allow`.',
    remedy: 'Use one of these methods.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    meaning: 'A request that changes something must be sent as `application/json`.',
    remedy: 'Set `Content-Type: application/json`.',
  },
  TOO_LARGE: {
    meaning: 'The request body is larger than 64 KiB.',
    remedy: 'Send a smaller body.',
  },
  TOO_SLOW: {
    meaning: 'The request body took longer than ten seconds to arrive.',
    remedy: 'Send the body in one piece.',
  },
  TOO_MANY_FAILURES: {
    meaning: 'Too many wrong tokens lately, from all callers together.',
    remedy: 'Wait as long as `Retry-After` says, and find out who sends wrong tokens.',
  },
  TOO_MANY_STREAMS: {
    meaning: 'This process sends events to as many clients as it may.',
    remedy: 'Close pages that nobody looks at, or try again as late as `Retry-After` says.',
  },
  INTERNAL: {
    meaning:
      'Something failed unexpectedly. The router writes the reason to the log, under the ' +
      'reference in its message; the command line prints it.',
    remedy: 'Look for the reference in the log of the app, or run the command with `--debug`.',
  },
} as const satisfies Record<string, ErrorEntry>;

/**
 * The reference as the package contains it, beginning with the name of the package. It is no
 * address on another origin, which somebody else could own one day.
 */
export const referencePath = 'syncmedia/docs/reference.md';

/** The anchor of an error code in docs/reference.md. */
export function makeErrorAnchor(code: string): string {
  return `error-${code.toLowerCase()}`;
}
