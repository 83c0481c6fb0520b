import { backendNames } from '../model/backend-name.js';
import { isAbsolute } from 'node:path';
import * as v from 'valibot';
import { validateCron } from './cron.js';
import {
  gitFileExpected,
  hostNamesText,
  maxGitFile,
  sizeExpected,
  sizeText,
} from './history-schemas.js';
import type { OptionDefinition } from './option-definition.js';
import { splitCommand } from './split-command.js';
import { parseSyncDirs } from './normalise-sync-dir.js';

/** An environment variable. Its schema reads text; a default is text as well. */
export interface VariableDefinition extends OptionDefinition<string | undefined> {
  /** `~/` at the beginning stands for the home directory, because no shell reads env files. */
  readonly path?: true;
}

const text = v.pipe(
  v.string(),
  v.check((value) => value.trim() !== '' && !value.includes('\0')),
);
const absolutePath = v.pipe(
  v.string(),
  v.check((value) => isAbsolute(value) && !value.includes('\0')),
);
const secret = v.pipe(
  v.string(),
  v.check((value) => Buffer.byteLength(value) >= 32),
);
const boolean = v.pipe(
  v.string(),
  v.regex(/^(?:1|true|yes|on|0|false|no|off)$/i),
  v.transform((value) => /^(?:1|true|yes|on)$/i.test(value)),
);
const chmodItem = /^[DF]?(?:[0-7]{3,4}|[ugoa]*[-+=](?:[rwxXst]*|[ugo]))$/;

/** Every environment variable that this package reads. */
export const environmentVariables = {
  SYNCMEDIA_MONGODB_URI: {
    schema: v.pipe(v.string(), v.regex(/^mongodb(?:\+srv)?:\/\/./)),
    description:
      'The database, for the command line. In the app, syncmedia uses the connection of the app.',
    expected: 'a URI that begins with mongodb:// or mongodb+srv://',
    default: 'none',
    secret: true,
  },
  SYNCMEDIA_STATE_DIR: {
    schema: absolutePath,
    description: 'The state folder: host id, generated ssh settings, socket.',
    expected: 'an absolute path',
    default: '`${XDG_STATE_HOME:-~/.local/state}/syncmedia`',
    path: true,
  },
  SYNCMEDIA_ROOT: {
    schema: absolutePath,
    description:
      'For `init`: the root. ' +
      'On a machine that was never initialised, `serveMedia` serves below it.',
    expected: 'an absolute path',
    default: 'none; `init` needs it here or as an option',
    path: true,
  },
  SYNCMEDIA_SYNC_DIRS: {
    schema: v.pipe(
      v.string(),
      v.transform((value) => parseSyncDirs(value.split(',').map((dir) => dir.trim()))),
    ),
    description: 'For `init`: the sync dirs that this host keeps.',
    expected: 'directories below the root, separated by commas',
    default: 'all sync dirs',
  },
  SYNCMEDIA_HOSTNAME: {
    schema: v.pipe(
      v.string(),
      v.regex(/^(?=.{1,253}$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*$/),
    ),
    description: 'For `init`: the name of this host.',
    expected:
      'a host name: letters, digits, `_` and `-`, with single dots between them, a letter or ' +
      'digit first',
    default: 'the hostname',
  },
  SYNCMEDIA_URL: {
    schema: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,252}$/)),
    description: 'For `init`: the address at which other hosts reach this one.',
    expected: 'a host name or an IP address, without protocol and port',
    default: 'the FQDN',
  },
  SYNCMEDIA_SSH_PORT: {
    schema: numberBetween(/^\d{1,5}$/, 1, 65_535),
    description: "For `init`: sshd's port.",
    expected: 'a port from 1 to 65535',
    default: '22',
  },
  SYNCMEDIA_USERNAME: {
    schema: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/)),
    description: 'For `init`: the user with which other hosts log in here.',
    expected: 'a user name: letters, digits, `.`, `_` and `-`, not `-` first',
    default: 'the current user',
  },
  PATH_RSA: {
    schema: text,
    description: 'The older name of `SYNCMEDIA_KEY`, which wins.',
    expected: 'some text',
    default: 'none',
    path: true,
  },
  SYNCMEDIA_KEY: {
    schema: text,
    description: 'The public key: a path, or the key itself.',
    expected: 'some text',
    default: '`~/.ssh/id_rsa.pub`, then `~/.ssh/id_ed25519.pub`',
    path: true,
  },
  SYNCMEDIA_IDENTITY: {
    schema: absolutePath,
    description: 'The file of the private key.',
    expected: 'an absolute path',
    default: "the public key's path without `.pub`",
    path: true,
  },
  SYNCMEDIA_AUTHORIZED_KEYS: {
    schema: absolutePath,
    description: 'The file that `init` writes keys into.',
    expected: 'an absolute path',
    default: '`~/.ssh/authorized_keys`',
    path: true,
  },
  SYNCMEDIA_UNCONFINED: {
    schema: boolean,
    description: 'For `init`: whether the keys of the other hosts open a login shell here.',
    expected: 'true or false',
    default: 'the stored value, else false',
  },
  SYNCMEDIA_PULL_CRON: {
    schema: cronExpression('SYNCMEDIA_PULL_CRON'),
    description:
      'When this host pulls periodically, as in `*/15 * * * *`. Times are those of the time zone ' +
      'of the process (`TZ`).',
    expected: 'a cron expression of five or six fields',
    default: 'never',
  },
  SYNCMEDIA_VERIFY_CRON: {
    schema: cronExpression('SYNCMEDIA_VERIFY_CRON'),
    description:
      'When this host verifies periodically, without repair. Times are those of the time zone of ' +
      'the process (`TZ`).',
    expected: 'a cron expression of five or six fields',
    default: 'never',
  },
  SYNCMEDIA_TIMEOUT: {
    schema: v.optional(numberBetween(/^\d+(?:\.\d+)?$/, 0.1, 86_400), '30'),
    description: 'Seconds without progress after which an operation on another host ends.',
    expected: 'seconds from 0.1 to 86400',
  },
  SYNCMEDIA_BACKEND: {
    schema: v.optional(v.picklist(backendNames), 'rsync'),
    description: 'The program that moves the bytes.',
    expected: backendNames.map((name) => `"${name}"`).join(', '),
  },
  SYNCMEDIA_HISTORY_DAYS: {
    schema: v.optional(numberBetween(/^\d{1,5}$/, 1, 36_500), '30'),
    description: 'With a history: days for which a version is kept.',
    expected: 'a whole number from 1 to 36500',
  },
  SYNCMEDIA_HISTORY_MAX_BYTES: {
    schema: v.optional(sizeText, '10G'),
    description:
      'With a history: the size of the whole history. The oldest days are removed first.',
    expected: sizeExpected,
  },
  SYNCMEDIA_HISTORY_MAX_FILE_BYTES: {
    schema: v.optional(v.pipe(sizeText, maxGitFile), '32M'),
    description:
      'With the backend git: of larger files only name, size and hash are kept. The backend ' +
      'git-annex ignores it.',
    expected: gitFileExpected,
  },
  SYNCMEDIA_HISTORY_ON: {
    schema: v.optional(hostNamesText, 'all'),
    description: 'With a history: the hosts that get the history of this one.',
    expected: '"all", or host names separated by commas',
  },
  SYNCMEDIA_ANNEX_LARGER_THAN: {
    schema: v.optional(v.pipe(sizeText, maxGitFile), '8M'),
    description: 'With the backend git-annex: larger files lie in the annex instead of git.',
    expected: gitFileExpected,
  },
  SYNCMEDIA_ANNEX_ON: {
    schema: v.optional(hostNamesText, 'all'),
    description:
      'With the backend git-annex: the hosts that get the earlier versions of large files.',
    expected: '"all", or host names separated by commas',
  },
  SYNCMEDIA_HISTORY_AUTHOR: {
    schema: v.optional(text, 'syncmedia'),
    description: 'With a history: the author of changes that name nobody.',
    expected: 'some text',
  },
  SYNCMEDIA_BWLIMIT: {
    schema: numberBetween(/^\d{1,9}$/, 1, 999_999_999),
    description: 'KiB per second for each rsync.',
    expected: 'KiB per second, a whole number above 0',
    default: 'no limit',
  },
  SYNCMEDIA_CHMOD: {
    schema: v.optional(
      v.pipe(
        v.string(),
        v.check((value) => value.split(',').every((item) => chmodItem.test(item))),
      ),
      'F644',
    ),
    description:
      "rsync's `--chmod` for received files. With `F640` and setgid directories " +
      "(`chmod 2750`) of the web server's group, the web server may read them.",
    expected: 'what rsync --chmod takes, like "F644" or "Fu=rw,Fgo=r"',
  },
  SYNCMEDIA_RELOAD_COMMAND: {
    schema: v.pipe(
      v.string(),
      v.transform((line) => splitCommand(line)),
    ),
    description: 'Runs on a host that received files. It is split once; no shell runs it.',
    expected: 'a program with its arguments',
    default: 'none',
  },
  SYNCMEDIA_ADMIN_TOKEN: {
    schema: v.pipe(
      v.string(),
      v.check((value) => [...value].length >= 32 && !/\s/.test(value)),
    ),
    description: 'The token with which a person may use the router.',
    expected: 'at least 32 characters without white space',
    default: 'none',
    secret: true,
  },
  SYNCMEDIA_AUTO_APPROVE: {
    schema: v.optional(boolean, 'true'),
    description:
      'Whether a new host is approved at once. Otherwise it waits for `syncmedia approve`.',
    expected: 'true or false',
  },
  SYNCMEDIA_SECRET: {
    schema: secret,
    description:
      'Seals the rows of hosts. It is the same on all machines and for the command line, and ' +
      'never in the database. Rows that were written without it do not count.',
    expected: 'at least 32 bytes',
    default: 'none',
    secret: true,
  },
  SYNCMEDIA_SECRET_PREVIOUS: {
    schema: secret,
    description: 'The secret that is being replaced. Rows that were sealed with it still count.',
    expected: 'at least 32 bytes',
    default: 'none',
    secret: true,
  },
  SYNCMEDIA_MODEL_SYNC: {
    schema: text,
    description: 'A JSON file: model name → plugin options.',
    expected: 'some text',
    default: 'none',
    path: true,
  },
} satisfies Record<string, VariableDefinition>;

function numberBetween(form: RegExp, least: number, most: number): v.GenericSchema<string, number> {
  return v.pipe(
    v.string(),
    v.regex(form),
    v.transform(Number),
    v.minValue(least),
    v.maxValue(most),
  );
}

function cronExpression(variable: string): v.GenericSchema<string, string> {
  return v.pipe(
    v.string(),
    v.transform((value) => validateCron(value, variable)),
  );
}
