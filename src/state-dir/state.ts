import { readFileSync } from 'node:fs';
import { chmod, lstat, mkdir, realpath, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { HostId } from '../model/host.js';
import { replaceFile } from './replace-file.js';

/**
 * This host's state as `init` stored it in the state folder (`host.json`). The host's own root
 * and keys come from here, never from a row.
 */
export interface HostState {
  format: 1;
  id: HostId;
  hostname: string;
  root: string;
  /** Allow-list of sync dirs; empty means all. */
  syncDirs: string[];
  /**
   * The database in which this host is registered. The name is for people, the id for
   * comparisons.
   */
  database: { name: string; id: string };
  /** Undefined for a key that was given literally. */
  publicKeyFile?: string;
  identityFile: string;
  authorizedKeysFile: string;
  /** A person decided that the keys of other hosts give a login shell. */
  unconfined?: true;
  /**
   * The last registration, used if the row cannot be trusted. Absent if an older version wrote
   * the file.
   */
  registered?: StoredRegistration;
  createdAt: string;
}

interface StoredRegistration {
  readonly url: string;
  readonly sshPort: number;
  readonly username: string;
  /** The sync dirs for which other hosts send to this host. */
  readonly syncDirs: readonly string[];
  readonly publicKey: string;
  readonly hostKeys: readonly string[];
}

const getStateFile = (stateDir: string): string => join(stateDir, 'host.json');

/**
 * Reads the stored state. Synchronous and cheap, because the plugin calls it at the first save.
 *
 * @returns undefined on a machine that was never initialised
 * @throws BAD_STATE if it cannot be read or is malformed, FORMAT_TOO_NEW
 */
export function readState(stateDir: string): HostState | undefined {
  const file = getStateFile(stateDir);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SyncMediaError(
      'BAD_STATE',
      `${file} cannot be read (${getErrorMessage(error)}): let the user who runs the app own it`,
      { cause: error },
    );
  }
  return parseState(file, text);
}

/** Writes the state atomically. Creates a missing folder with mode 0700. */
export async function writeState(stateDir: string, state: HostState): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await chmod(stateDir, 0o700);
  await replaceFile(getStateFile(stateDir), `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** Every field that this version knows. */
const knownFields: Readonly<Record<keyof HostState, true>> = {
  format: true,
  id: true,
  hostname: true,
  root: true,
  syncDirs: true,
  database: true,
  publicKeyFile: true,
  identityFile: true,
  authorizedKeysFile: true,
  unconfined: true,
  registered: true,
  createdAt: true,
};

/** Picks the fields that a newer version of the same format wrote. They stay in the file. */
export function pickUnknownFields(state: HostState): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(state).filter(([name]) => !Object.hasOwn(knownFields, name)),
  );
}

/** Makes this machine one that was never initialised. */
export async function removeState(stateDir: string): Promise<void> {
  await rm(getStateFile(stateDir), { force: true });
}

/**
 * Refuses a state folder below the root, where it could be served, above the root, or of another
 * user.
 * @throws BAD_STATE
 */
export async function checkStateDir(stateDir: string, root: string): Promise<void> {
  const [state, media] = await Promise.all([resolveRealPath(stateDir), resolveRealPath(root)]);
  if (isInDir(state, media) || isInDir(media, state)) {
    throw new SyncMediaError(
      'BAD_STATE',
      `the state folder ${stateDir} and the root ${root} lie within one another: give another ` +
        `folder in SYNCMEDIA_STATE_DIR`,
    );
  }
  const there = await lstat(state).catch(() => undefined);
  if (!there) return;
  if (!there.isDirectory())
    throw new SyncMediaError('BAD_STATE', `the state folder ${stateDir} is no directory`);
  if (there.uid !== process.geteuid?.()) {
    throw new SyncMediaError(
      'BAD_STATE',
      `the state folder ${stateDir} belongs to another user: run this as the user who runs the app`,
    );
  }
}

/** Whether `path` is `dir` or below it. */
export function isInDir(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith(sep) ? dir : dir + sep);
}

/** Resolves the real path, also of a path that does not exist yet. */
async function resolveRealPath(path: string): Promise<string> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined);
    if (real !== undefined) return join(real, ...missing);
    if (dirname(at) === at) return path;
    missing.unshift(at.slice(dirname(at).length).replace(/^\//, ''));
  }
}

function parseState(file: string, text: string): HostState {
  const malformed = (what: string): SyncMediaError =>
    new SyncMediaError(
      'BAD_STATE',
      `${file} is malformed (${what}): restore it from a backup, or remove it and run ` +
        `\`syncmedia init\``,
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('no JSON');
  }
  if (typeof value !== 'object' || value === null) throw malformed('no object');
  const state = value as Record<string, unknown>;
  if (typeof state.format === 'number' && state.format > 1) {
    throw new SyncMediaError(
      'FORMAT_TOO_NEW',
      `${file} was written by a newer syncmedia (format ${String(state.format)}): upgrade this one`,
    );
  }
  if (state.format !== 1) throw malformed('format');
  for (const field of [
    'id',
    'hostname',
    'root',
    'identityFile',
    'authorizedKeysFile',
    'createdAt',
  ]) {
    if (typeof state[field] !== 'string' || state[field] === '') throw malformed(field);
  }
  if (state.unconfined !== undefined && state.unconfined !== true) throw malformed('unconfined');
  if (state.publicKeyFile !== undefined && typeof state.publicKeyFile !== 'string')
    throw malformed('publicKeyFile');
  if (!Array.isArray(state.syncDirs) || !state.syncDirs.every((dir) => typeof dir === 'string'))
    throw malformed('syncDirs');
  if (state.registered !== undefined && !isStoredRegistration(state.registered))
    throw malformed('registered');
  const database = state.database as Record<string, unknown> | null | undefined;
  if (typeof database?.id !== 'string' || typeof database.name !== 'string')
    throw malformed('database');
  return value as HostState;
}

function isStoredRegistration(value: unknown): value is StoredRegistration {
  if (typeof value !== 'object' || value === null) return false;
  const { url, sshPort, username, syncDirs, publicKey, hostKeys } = value as Record<
    string,
    unknown
  >;
  return (
    [url, username, publicKey].every((text) => typeof text === 'string') &&
    Number.isInteger(sshPort) &&
    [syncDirs, hostKeys].every(
      (list) => Array.isArray(list) && list.every((one) => typeof one === 'string'),
    )
  );
}
