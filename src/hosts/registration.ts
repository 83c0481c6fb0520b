import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { hostname as machineName } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { SyncMediaError } from '../model/errors.js';
import type { HostRegistration } from '../api/requests.js';
import { normaliseSyncDirs } from '../config/normalise-sync-dir.js';
import { validateAddress } from '../transport/ssh/address.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import { findDomainName } from './domain-name.js';
import type { HostsDeps, InitParts } from './deps.js';
import { generateKeyPair } from '../access/generate-key.js';
import { isHostname } from '../model/host-name.js';
import { findKeyPair, type KeyPair } from '../access/own-key.js';
import type { HostState } from '../state-dir/state.js';
import { getCurrentUser, nameCurrentUser } from '../util/current-user.js';

/** The registration of this host, complete and checked against this machine. */
export interface ResolvedRegistration {
  hostname: string;
  url: string;
  /** False if no url was given and no fully qualified name was found. */
  urlIsQualified: boolean;
  sshPort: number;
  username: string;
  root: string;
  /**
   * The sync dirs of its row. Another host may edit the row, so `ownSyncDirs`, given on this
   * host, decide what it opens.
   */
  syncDirs: Path[];
  ownSyncDirs: Path[];
  keys: KeyPair;
  unconfined: boolean;
}

/** This host's data from an earlier `init`. `host` is its row, if that can be trusted. */
export interface EarlierRegistration {
  state: HostState | undefined;
  host: Host | undefined;
}

/**
 * Resolves each value: from the request, else the environment, else the stored value, else the
 * default. The stored value is that of the row if it can be trusted, else that of the state
 * folder.
 * @throws BAD_OPTION, BAD_SYNC_DIR, BAD_KEY naming the wrong value
 */
export async function resolveRegistration(
  deps: Pick<HostsDeps, 'config'>,
  requested: HostRegistration,
  { state, host }: EarlierRegistration,
  { home }: InitParts = {},
): Promise<ResolvedRegistration> {
  const { init, key, identityFile } = deps.config;
  // A person may have changed the row on another host, so the row takes precedence.
  const before = host ?? state?.registered;
  const hostname = validateHostname(
    requested.hostname ?? init.hostname ?? host?.hostname ?? state?.hostname ?? machineName(),
  );
  const given = requested.url ?? init.url ?? before?.url;
  const { name: url, qualified } =
    given === undefined ? await findDomainName() : { name: given, qualified: true };
  const sshPort = requested.sshPort ?? init.sshPort ?? before?.sshPort ?? 22;
  const username =
    requested.username ?? init.username ?? before?.username ?? getCurrentUser().username;
  validateAddress({ url, sshPort, username });
  await checkLoginUser(username);
  const root = await requireRoot(requested.root ?? init.root ?? state?.root);
  const requestedDirs = requested.syncDirs ?? init.syncDirs;
  const dirs = await requireSyncDirs(
    root,
    requestedDirs ?? before?.syncDirs ?? state?.syncDirs ?? [],
  );
  const ownDirs = await requireSyncDirs(root, requestedDirs ?? state?.syncDirs ?? []);
  if (requested.generate && requested.key !== undefined)
    throw new SyncMediaError(
      'BAD_OPTION',
      'a key is given and is to be generated: give one of the two',
    );
  const generatedKey = requested.generate
    ? await generateKeyPair(deps.config.stateDir, hostname)
    : undefined;
  const stored =
    requested.key === undefined && key === undefined && generatedKey === undefined
      ? state
      : undefined;
  const keys = await findKeyPair({
    key:
      generatedKey ??
      requested.key ??
      key ??
      stored?.publicKeyFile ??
      (stored && before ? before.publicKey : undefined),
    identityFile: generatedKey === undefined ? (identityFile ?? stored?.identityFile) : undefined,
    ...(home !== undefined && { home }),
  });
  const unconfined = requested.unconfined ?? init.unconfined ?? state?.unconfined ?? false;
  return {
    hostname,
    url,
    urlIsQualified: qualified,
    sshPort,
    username,
    root,
    syncDirs: dirs,
    ownSyncDirs: ownDirs,
    keys,
    unconfined,
  };
}

/** @throws BAD_OPTION */
export function validateHostname(hostname: string): string {
  if (isHostname(hostname)) return hostname;
  throw new SyncMediaError(
    'BAD_OPTION',
    `hostname ${JSON.stringify(hostname.slice(0, 100))} cannot be used: give letters, digits, _ ` +
      `and -, with single dots between them, a letter or digit after each; a name that every ` +
      `JavaScript object has, as "constructor", is none`,
  );
}

/** @throws BAD_OPTION */
export function validateRootPath(root: string): string {
  if (!isAbsolute(root) || root.includes('\0'))
    throw new SyncMediaError(
      'BAD_OPTION',
      `the root ${JSON.stringify(root)} is not absolute: give the full path of the directory ` +
        `above the sync dirs`,
    );
  const path = resolve(root);
  if (path === '/')
    throw new SyncMediaError(
      'BAD_OPTION',
      'the root "/" is the whole file system: give the directory above the sync dirs',
    );
  return path;
}

/**
 * Explains why a directory cannot be a sync dir of this host; undefined if it can. It may be a
 * symlink or a mount.
 */
export async function findDirFault(root: string, dir: Path): Promise<string | undefined> {
  const there = await stat(join(root, dir)).catch(() => undefined);
  if (!there) return `the sync dir ${JSON.stringify(dir)} does not exist below ${root}`;
  return there.isDirectory()
    ? undefined
    : `the sync dir ${JSON.stringify(dir)} below ${root} is no directory`;
}

async function requireSyncDirs(root: string, given: readonly string[]): Promise<Path[]> {
  const dirs = given.length === 0 ? [] : normaliseSyncDirs(given, 'the sync dirs of this host');
  for (const dir of dirs) {
    const fault = await findDirFault(root, dir);
    if (fault !== undefined)
      throw new SyncMediaError('BAD_SYNC_DIR', `${fault}: create it, or mount it, first`);
    try {
      await access(join(root, dir), constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new SyncMediaError(
        'BAD_SYNC_DIR',
        isReadOnly(error)
          ? `the sync dir ${join(root, dir)} is mounted read-only: mount it for writing`
          : `the user ${nameCurrentUser()} may not read and write the sync dir ` +
              `${join(root, dir)}: run this as the user who runs the app, and let that user own it`,
        { cause: error },
      );
    }
  }
  return dirs;
}

function isReadOnly(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EROFS';
}

/** Requires a root that this user may read. Only the sync dirs below it are written to. */
async function requireRoot(root: string | undefined): Promise<string> {
  if (root === undefined)
    throw new SyncMediaError(
      'BAD_OPTION',
      'no root: give the absolute path of the directory above the sync dirs, as `--root` or in ' +
        'SYNCMEDIA_ROOT',
    );
  const path = validateRootPath(root);
  const there = await stat(path).catch(() => undefined);
  if (!there)
    throw new SyncMediaError(
      'BAD_OPTION',
      `the root ${path} does not exist: create it, or mount it, first`,
    );
  if (!there.isDirectory())
    throw new SyncMediaError('BAD_OPTION', `the root ${path} is no directory`);
  try {
    await access(path, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `the user ${nameCurrentUser()} may not read the root ${path}: run this as the ` +
        `user who runs the app, and let that user own it`,
      { cause: error },
    );
  }
  return path;
}

/**
 * App and ssh login must be the same user, because each must be able to replace the other's
 * files.
 */
async function checkLoginUser(username: string): Promise<void> {
  const me = getCurrentUser();
  if (username === me.username) return;
  const uid = await new Promise<string | undefined>((done) => {
    execFile('id', ['-u', '--', username], { timeout: 5000, maxBuffer: 1024 }, (error, stdout) => {
      done(error ? undefined : stdout.trim());
    });
  });
  if (uid === String(me.uid)) return;
  const other = uid === undefined ? 'does not exist here' : `is another user than ${me.username}`;
  throw new SyncMediaError(
    'BAD_OPTION',
    `the username ${JSON.stringify(username)} ${other}: the ssh login of a host is the user who ` +
      `runs the app, so run this as that user, or leave the username out`,
  );
}
