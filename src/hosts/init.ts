import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { InitReport } from '../api/reports.js';
import type { HostChange, HostRegistration } from '../api/requests.js';
import { normaliseSyncDirs } from '../config/normalise-sync-dir.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import { claimDatabaseId, requireDatabaseId, getMetaCollection } from '../database/database-id.js';
import {
  compareUntrustedRow,
  decideStatus,
  describeThisHost,
  isTrustedRow,
} from './describe-this-host.js';
import type { HostsDeps, InitCheck, InitParts } from './deps.js';
import {
  markOwnDirs,
  refuseSharedDirs,
  reportIgnoredDirs,
  reportUnmarkedDirs,
} from './mark-own-dirs.js';
import { withLock } from '../state-dir/file-lock.js';
import { claimFirstHost } from './first-host.js';
import { ensureHostIndexes } from './host-model.js';
import { findHost, insertHost, listHosts, pickHostCollection, updateHost } from './host-rows.js';
import { checkGate, openGateDirs, readOpenedDirs } from '../access/gate.js';
import { installKeys, uninstallKeys, type KeyTarget } from '../access/install-keys.js';
import { listProtectedDirs, refuseProtectedDirs } from '../access/protected-dirs.js';
import { limitRemoteChange } from './remote-limits.js';
import { listReplaced, replaceHost } from './replace-host.js';
import { resolveRegistration, type EarlierRegistration } from './registration.js';
import {
  checkStateDir,
  pickUnknownFields,
  readState,
  removeState,
  writeState,
  type HostState,
} from '../state-dir/state.js';
import { listOwnDirs } from './own-dirs.js';
import { restoreNames } from './unregister.js';

/**
 * Registers this machine, or updates its row, state folder, markers and keys; then tests the
 * connection. Idempotent: another call completes what a crash interrupted.
 *
 * @throws BAD_OPTION, BAD_SYNC_DIR, BAD_KEY, BAD_STATE, NO_CONFINEMENT, HOST_EXISTS,
 *   FORMAT_TOO_NEW. Partial failures are returned as checks that are not ok.
 */
export async function initHost(
  deps: HostsDeps,
  requested: HostRegistration,
  parts: InitParts = {},
  change: HostChange = {},
): Promise<InitReport> {
  const { stateDir } = deps.config;
  const checks: InitCheck[] = [];
  const { host, state, created } = await withInitLock(stateDir, () =>
    registerThisHost(deps, requested, parts, checks, change),
  );
  await deps.syncDirs.addMissing(state.syncDirs as Path[]);
  await reportIgnoredDirs(deps, state, checks);
  const unmarked = change.remote ? await reportUnmarkedDirs(deps, host, state, checks) : [];
  const returned = !change.remote && (await markOwnDirs(deps, host, state, checks));
  if (returned && !host.readyAt)
    await pickHostCollection(deps).updateOne(
      { _id: host.id, readyAt: { $exists: false } },
      { $set: { returnedAt: new Date() } },
    );
  const open = await installAccess(deps, state, checks);
  checks.push(
    ...(await testConnection(
      deps,
      host,
      state,
      open.filter((dir) => !unmarked.includes(dir)),
      change,
    )),
  );
  return { host, created, checks };
}

/**
 * Installs the keys and the gate.
 * @returns the sync dirs of this host that the keys open
 */
async function installAccess(
  deps: HostsDeps,
  state: HostState,
  checks: InitCheck[],
): Promise<Path[]> {
  const { stateDir, log } = deps.config;
  try {
    await openGateDirs(stateDir, state, deps.listDeclaredDirs());
    await installKeys({ stateDir, state, log }, await listHosts(deps));
  } catch (error) {
    checks.push({ name: 'authorized_keys', ok: false, message: getErrorMessage(error) });
  }
  return listOwnDirs(deps, state);
}

/** Serialises calls: two at once would register one machine as two hosts. */
async function withInitLock<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new SyncMediaError(
      'BAD_STATE',
      `the state folder ${stateDir} cannot be made (${getErrorMessage(error)}): give another in ` +
        `SYNCMEDIA_STATE_DIR`,
      { cause: error },
    );
  }
  return withLock(join(stateDir, 'init.lock'), work);
}

async function registerThisHost(
  deps: HostsDeps,
  requested: HostRegistration,
  parts: InitParts,
  checks: InitCheck[],
  change: HostChange,
): Promise<{ host: Host; state: HostState; created: boolean }> {
  const { connection, config } = deps;
  const rows = pickHostCollection(deps);
  const meta = getMetaCollection(connection, config.collectionPrefix);
  const before = readState(config.stateDir);
  const databaseId = await claimDatabaseId(meta);
  if (before) requireDatabaseId(before, { name: connection.name, id: databaseId });
  await ensureHostIndexes(rows);
  const stored = before && (await findHost(deps, before.id));
  const retired = stored?.status === 'retired';
  if (change.remote) await limitRemoteInit(deps, requested, before);
  const trusted = stored && isTrustedRow(deps, stored) ? restoreNames(stored) : undefined;
  const known: EarlierRegistration = { state: before, host: trusted };
  const own = await resolveRegistration(deps, requested, known, parts);
  await checkStateDir(config.stateDir, own.root);
  const authorizedKeysFile =
    config.init.authorizedKeysFile ??
    before?.authorizedKeysFile ??
    config.init.defaultAuthorizedKeysFile;
  refuseProtectedDirs(
    own.root,
    await listOwnDirs(deps, { root: own.root, syncDirs: own.ownSyncDirs }),
    own.ownSyncDirs,
    listProtectedDirs({ authorizedKeysFile, identityFile: own.keys.identityFile }, config),
  );
  const id = before && !retired ? before.id : randomUUID();
  if (requested.replace) await replaceHost(deps, own.hostname, before?.id, parts);
  await refuseSharedDirs(deps, id, own);
  if (!deps.seals.isActive) {
    checks.push({
      name: 'secret',
      ok: true,
      message:
        'SYNCMEDIA_SECRET is not set: anyone with write access to the database can register a ' +
        'host of their own',
      remedy: 'set one on all machines and run `syncmedia init` on each (docs/trust.md)',
    });
  }
  checks.push({
    name: 'confinement',
    ok: true,
    message: own.unconfined
      ? 'none: the keys of the other hosts give a login shell as this user'
      : await checkGate(config.stateDir),
  });
  const described = await describeThisHost(deps, own, known, parts, checks, change);
  if (stored && !trusted) checks.push(compareUntrustedRow(restoreNames(stored), described));
  const state: HostState = {
    ...(before && !retired && pickUnknownFields(before)),
    format: 1,
    id,
    hostname: own.hostname,
    root: own.root,
    syncDirs: own.ownSyncDirs,
    database: { name: connection.name, id: databaseId },
    ...(own.keys.publicKeyFile !== undefined && { publicKeyFile: own.keys.publicKeyFile }),
    identityFile: own.keys.identityFile,
    authorizedKeysFile,
    ...(own.unconfined && { unconfined: true as const }),
    registered: {
      url: own.url,
      sshPort: own.sshPort,
      username: own.username,
      syncDirs: own.syncDirs,
      publicKey: own.keys.publicKey.line,
      hostKeys: described.hostKeys,
    },
    createdAt: before && !retired ? before.createdAt : new Date().toISOString(),
  };
  let registered: { host: Host; state: HostState; created: boolean };
  // Write the state first: a row whose id no state folder has would only occupy its host name.
  if (!isDeepStrictEqual(state, before)) await writeState(config.stateDir, state);
  try {
    const host =
      stored && !retired
        ? await updateHost(deps, id, (now) => ({
            ...described,
            passive: false,
            ...decideStatus(deps, now, described, change),
          }))
        : undefined;
    const made =
      host ??
      (await insertHost(deps, id, {
        ...described,
        passive: false,
        status: config.autoApprove && !change.remote ? 'approved' : 'pending',
      }));
    const old: KeyTarget | undefined = before && {
      stateDir: config.stateDir,
      state: before,
      log: config.log,
    };
    if (old && (old.state.authorizedKeysFile !== state.authorizedKeysFile || old.state.id !== id))
      await uninstallKeys(old);
    registered = { host: await claimFirstHost(rows, meta, made), state, created: !host };
  } catch (error) {
    await (before ? writeState(config.stateDir, before) : removeState(config.stateDir));
    throw error;
  }
  // Also after a call that was interrupted here. The row is written, so the state stays now.
  await deps.takeOverCaptures(
    [
      ...(before && before.id !== id ? [before.id] : []),
      ...(await listReplaced(deps, own.hostname)),
    ],
    id,
  );
  return registered;
}

/**
 * Tests the connection. A remote request must not make us connect to an address before a person
 * has seen it, so a host that waits for approval is not tested then.
 */
async function testConnection(
  deps: HostsDeps,
  host: Host,
  state: HostState,
  open: readonly Path[],
  { remote = false }: HostChange,
): Promise<InitCheck[]> {
  if (host.status !== 'pending') return deps.tryHost(host, state, open);
  const waits: InitCheck = {
    name: 'approval',
    ok: true,
    message:
      'this host waits for approval: until then the others refuse its key and send it nothing',
    remedy:
      `compare its fingerprints and run \`syncmedia approve ${host.hostname}\`, on an approved ` +
      `host`,
  };
  return remote ? [waits] : [waits, ...(await deps.tryHost(host, state, open))];
}

/**
 * @throws FORBIDDEN if a remote request asks for more than this host's own configuration opens
 */
async function limitRemoteInit(
  deps: HostsDeps,
  requested: HostRegistration,
  before: HostState | undefined,
): Promise<void> {
  const { config } = deps;
  const normalise = (dirs: readonly string[]): Path[] =>
    dirs.length === 0 ? [] : normaliseSyncDirs(dirs, 'the sync dirs of this host');
  const root = before?.root ?? config.init.root;
  limitRemoteChange({
    hostname: before?.hostname ?? 'this host',
    root: requested.root,
    syncDirs: requested.syncDirs && normalise(requested.syncDirs),
    own: {
      root,
      allowed: (before?.syncDirs ?? normalise(config.init.syncDirs ?? [])) as Path[],
      declared: [
        ...deps.listDeclaredDirs(),
        ...(await readOpenedDirs(config.stateDir, root ?? '')),
      ],
    },
  });
}
