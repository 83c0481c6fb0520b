import { isAbsolute, join } from 'node:path';
import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/words.js';
import { validateCron } from './cron.js';
import { splitCommand } from './split-command.js';
import { normaliseSyncDirs } from './sync-dir.js';

export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the value of a variable. Throws an Error that names the expected form. */
type VariableReader<T> = (value: string, variable: string) => T;

const pathVariables = new Set([
  'SYNCMEDIA_STATE_DIR',
  'SYNCMEDIA_ROOT',
  'PATH_RSA',
  'SYNCMEDIA_KEY',
  'SYNCMEDIA_IDENTITY',
  'SYNCMEDIA_AUTHORIZED_KEYS',
  'SYNCMEDIA_MODEL_SYNC',
]);

/** Errors do not repeat the values of secrets. */
const secretVariables = new Set([
  'SYNCMEDIA_ADMIN_TOKEN',
  'SYNCMEDIA_SECRET',
  'SYNCMEDIA_SECRET_PREVIOUS',
  'SYNCMEDIA_MONGODB_URI',
]);

const variableReaders = {
  SYNCMEDIA_MONGODB_URI: matchPattern(
    /^mongodb(?:\+srv)?:\/\/./,
    'a URI that begins with mongodb:// or mongodb+srv://',
  ),
  SYNCMEDIA_STATE_DIR: readAbsolute,
  SYNCMEDIA_ROOT: readAbsolute,
  SYNCMEDIA_SYNC_DIRS: readSyncDirs,
  SYNCMEDIA_HOSTNAME: matchPattern(
    /^(?=.{1,253}$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*$/,
    'a host name: letters, digits, `_` and `-`, with single dots between them, a letter or ' +
      'digit first',
  ),
  SYNCMEDIA_URL: matchPattern(
    /^[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,252}$/,
    'a host name or an IP address, without protocol and port',
  ),
  SYNCMEDIA_SSH_PORT: readPort,
  SYNCMEDIA_USERNAME: matchPattern(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/,
    'a user name: letters, digits, `.`, `_` and `-`, not `-` first',
  ),
  PATH_RSA: readText,
  SYNCMEDIA_KEY: readText,
  SYNCMEDIA_IDENTITY: readAbsolute,
  SYNCMEDIA_AUTHORIZED_KEYS: readAbsolute,
  SYNCMEDIA_UNCONFINED: readBoolean,
  SYNCMEDIA_PULL_CRON: validateCron,
  SYNCMEDIA_VERIFY_CRON: validateCron,
  SYNCMEDIA_TIMEOUT: readSeconds,
  SYNCMEDIA_BACKEND: readBackend,
  SYNCMEDIA_BWLIMIT: readBandwidth,
  SYNCMEDIA_CHMOD: readChmod,
  SYNCMEDIA_RELOAD_COMMAND: splitCommand as VariableReader<string[]>,
  SYNCMEDIA_ADMIN_TOKEN: readToken,
  SYNCMEDIA_AUTO_APPROVE: readBoolean,
  SYNCMEDIA_SECRET: readSecret,
  SYNCMEDIA_SECRET_PREVIOUS: readSecret,
  SYNCMEDIA_MODEL_SYNC: readText,
} satisfies Record<string, VariableReader<unknown>>;

type VariableReaders = typeof variableReaders;
export type VariableName = keyof VariableReaders;
/** The values of all variables that are set. */
export type Environment = { readonly [K in VariableName]?: ReturnType<VariableReaders[K]> };

/**
 * Reads the environment; no other code does. An empty variable counts as not set. `~/` at the
 * beginning of a path stands for `home`, because no shell reads env files. `unknown` lists
 * meaningless names that begin with SYNCMEDIA_. Throws BAD_ENVIRONMENT naming the variable, its
 * value (unless it is a secret) and the expected values.
 */
export function readEnvironment(
  variables: Variables,
  home: string,
): { environment: Environment; unknown: string[] } {
  const environment: Partial<Record<string, unknown>> = {};
  const unknown: string[] = [];
  for (const [variable, value] of Object.entries(variables)) {
    if (value === undefined || value === '') continue;
    if (Object.hasOwn(variableReaders, variable)) {
      environment[variable] = readVariable(
        variable as VariableName,
        pathVariables.has(variable) && value.startsWith('~/') ? join(home, value.slice(2)) : value,
      );
    } else if (variable.startsWith('SYNCMEDIA_')) {
      unknown.push(variable);
    }
  }
  return { environment, unknown };
}

/** The known names, for suggestions. */
export function listVariables(): VariableName[] {
  return Object.keys(variableReaders) as VariableName[];
}

function readVariable(variable: VariableName, value: string): unknown {
  const read: VariableReader<unknown> = variableReaders[variable];
  try {
    return read(value, variable);
  } catch (error) {
    if (error instanceof SyncMediaError && error.code === 'BAD_ENVIRONMENT') throw error;
    const shown = secretVariables.has(variable)
      ? 'is set to something that cannot be used'
      : `is ${JSON.stringify(value)}`;
    throw new SyncMediaError(
      'BAD_ENVIRONMENT',
      `${variable} ${shown}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

function makeExpectedError(what: string): Error {
  return new Error(`expected ${what}.`);
}

function matchPattern(pattern: RegExp, what: string): VariableReader<string> {
  return (value) => {
    if (!pattern.test(value)) throw makeExpectedError(what);
    return value;
  };
}

function readText(value: string): string {
  if (value.trim() === '' || value.includes('\0')) throw makeExpectedError('some text');
  return value;
}

function readAbsolute(value: string): string {
  if (!isAbsolute(value) || value.includes('\0')) throw makeExpectedError('an absolute path');
  return value;
}

function readSyncDirs(value: string, variable: string): Path[] {
  return normaliseSyncDirs(
    value.split(',').map((dir) => dir.trim()),
    variable,
  );
}

function readNumber(
  value: string,
  pattern: RegExp,
  least: number,
  most: number,
  what: string,
): number {
  const number = Number(value);
  if (!pattern.test(value) || number < least || number > most) throw makeExpectedError(what);
  return number;
}

function readPort(value: string): number {
  return readNumber(value, /^\d{1,5}$/, 1, 65_535, 'a port from 1 to 65535');
}

function readSeconds(value: string): number {
  return readNumber(value, /^\d+(?:\.\d+)?$/, 0.1, 86_400, 'seconds from 0.1 to 86400');
}

function readBandwidth(value: string): number {
  return readNumber(value, /^\d{1,9}$/, 1, 999_999_999, 'KiB per second, a whole number above 0');
}

function readBackend(value: string): 'rsync' {
  if (value !== 'rsync') throw makeExpectedError('"rsync"');
  return value;
}

function readChmod(value: string): string {
  const item = /^[DF]?(?:[0-7]{3,4}|[ugoa]*[-+=](?:[rwxXst]*|[ugo]))$/;
  if (!value.split(',').every((one) => item.test(one)))
    throw makeExpectedError('what rsync --chmod takes, like "F644" or "Fu=rw,Fgo=r"');
  return value;
}

function readToken(value: string): string {
  if ([...value].length < 32 || /\s/.test(value))
    throw makeExpectedError('at least 32 characters without white space');
  return value;
}

function readSecret(value: string): string {
  if (Buffer.byteLength(value) < 32) throw makeExpectedError('at least 32 bytes');
  return value;
}

function readBoolean(value: string): boolean {
  if (/^(?:1|true|yes|on)$/i.test(value)) return true;
  if (/^(?:0|false|no|off)$/i.test(value)) return false;
  throw makeExpectedError('true or false');
}
