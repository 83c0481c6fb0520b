import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { HostChange, HostRegistration, InitReport } from '../api/sync-media.js';
import { normaliseSyncDirs } from '../config/sync-dir.js';
import { identifiesAnother } from '../decisions/trusted.js';
import { readMarker, writeMarker } from '../replica/marker.js';
import { isSafePath, quotePath } from '../replica/paths.js';
import type { Host, Path } from '../model/words.js';
import { claimDatabaseId, requireDatabaseId, getMetaCollection } from '../database/database-id.js';
import type { HostsDeps, InitParts } from './deps.js';
import { withLock } from '../state-dir/file-lock.js';
import { claimFirstHost } from './first-host.js';
import { readOwnHostKeys } from '../access/host-keys.js';
import { ensureHostIndexes } from './host-model.js';
import {
  findHost,
  insertHost,
  listHosts,
  pickHostCollection,
  updateHost,
  type HostUpdate,
  type HostDetails,
} from './host-rows.js';
import { checkGate, openGateDirs, readOpenedDirs } from '../access/gate.js';
import { installKeys, uninstallKeys, type KeyTarget } from '../access/install-keys.js';
import { listProtectedDirs, refuseProtectedDirs } from '../access/protected-dirs.js';
import { limitRemoteChange } from './remote-limits.js';
import {
  findDirFault,
  resolveRegistration,
  type EarlierRegistration,
  type ResolvedRegistration,
} from './registration.js';
import {
  checkStateDir,
  readState,
  removeState,
  writeState,
  type HostState,
} from '../state-dir/state.js';
import { listOwnDirs } from './own-dirs.js';
import { restoreNames } from './unregister.js';

type InitCheck = InitReport['checks'][number];

/** A report shows at most this many directories that only the database names. */
const maxIgnoredShown = 20;

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
  refuseProtectedDirs(
    own.root,
    await listOwnDirs(deps, { root: own.root, syncDirs: own.ownSyncDirs }),
    own.ownSyncDirs,
    listProtectedDirs(
      { authorizedKeysFile: config.authorizedKeysFile, identityFile: own.keys.identityFile },
      config,
    ),
  );
  const id = before && !retired ? before.id : randomUUID();
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
      : await checkGate(),
  });
  const described = await describeThisHost(deps, own, known, parts, checks, change);
  if (stored && !trusted) checks.push(compareUntrustedRow(restoreNames(stored), described));
  const state: HostState = {
    format: 1,
    id,
    hostname: own.hostname,
    root: own.root,
    syncDirs: own.ownSyncDirs,
    database: { name: connection.name, id: databaseId },
    ...(own.keys.publicKeyFile !== undefined && { publicKeyFile: own.keys.publicKeyFile }),
    identityFile: own.keys.identityFile,
    authorizedKeysFile: config.authorizedKeysFile,
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
    return { host: await claimFirstHost(rows, meta, made), state, created: !host };
  } catch (error) {
    await (before ? writeState(config.stateDir, before) : removeState(config.stateDir));
    throw error;
  }
}

/**
 * Whether the row of this host can be trusted. With a secret, a row without a valid seal cannot,
 * nor can a retired row, which has no seal.
 */
function isTrustedRow({ seals }: HostsDeps, { unsealed, status }: Host): boolean {
  return !unsealed && !(seals.isActive && status === 'retired');
}

/**
 * Compares an untrusted row with the new registration. Such a row may be forged, or older than
 * this site's secret.
 */
function compareUntrustedRow(row: Host, described: HostDetails): InitCheck {
  const differing = (['url', 'sshPort', 'username', 'syncDirs'] as const).filter(
    (field) => !isDeepStrictEqual(row[field], described[field]),
  );
  const options = {
    url: '--url',
    sshPort: '--port',
    username: '--username',
    syncDirs: '--sync-dirs',
  } as const;
  return {
    name: 'own row',
    ok: differing.length === 0,
    message:
      `the row of this host in the database has no valid seal, so it was ` +
      `ignored${differing.length === 0 ? '' : `: it said ${differing.map((field) => `${field} ${JSON.stringify(row[field])}`).join(', ')}, and registered is ${differing.map((field) => `${field} ${JSON.stringify(described[field])}`).join(', ')}`}`,
    ...(differing.length > 0 && {
      remedy:
        `if the row was right, run \`syncmedia init\` with ` +
        `${differing.map((field) => options[field]).join(', ')}`,
    }),
  };
}

/**
 * Decides the status of an existing host. A row without a valid seal loses its approval, because
 * it may be forged. A change of identity (key, address, user, root) needs a new approval if it
 * was requested remotely, or if this machine may not approve hosts.
 */
function decideStatus(
  { config }: HostsDeps,
  now: Host,
  described: HostDetails,
  { remote = false }: HostChange,
): Pick<HostUpdate, 'status'> {
  if (now.unsealed) return { status: config.autoApprove && !remote ? 'approved' : 'pending' };
  return identifiesAnother(now, described) && (remote || !config.autoApprove)
    ? { status: 'pending' }
    : {};
}

/**
 * Tests the connection. A remote request must not make us connect to an address before a person
 * has seen it, so a pending host is not tested then.
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
    message: 'this host is pending: the others let it in and send to it once it is approved',
    remedy: `compare its fingerprints and run \`syncmedia approve ${host.hostname}\`, on any host`,
  };
  return remote ? [waits] : [waits, ...(await deps.tryHost(host, state, open))];
}

async function describeThisHost(
  deps: HostsDeps,
  own: ResolvedRegistration,
  { host, state }: EarlierRegistration,
  { hostKeyFolder }: InitParts,
  checks: InitCheck[],
  { remote = false }: HostChange,
): Promise<HostDetails> {
  const knownKeys = host?.hostKeys ?? state?.registered?.hostKeys ?? [];
  // A remote request must not choose a port to connect to, neither on loopback nor in a later
  // call.
  const port = remote ? (deps.config.init.sshPort ?? 22) : own.sshPort;
  const isKept = remote && knownKeys.length > 0;
  const { keys, from } = isKept
    ? { keys: knownKeys, from: 'known' }
    : await readOwnHostKeys(port, hostKeyFolder);
  if (from !== 'sshd' && !isKept) {
    checks.push({
      name: 'host keys',
      ok: false,
      message:
        `no sshd answers on loopback port ${String(port)}: its keys were ` +
        `${from === 'files' ? 'read from its files' : 'not found'}`,
      remedy:
        `start sshd, or give its port ` +
        `${remote ? 'in SYNCMEDIA_SSH_PORT' : 'with --port'}, and run \`syncmedia ` +
        `init\`${remote ? ' on this host' : ' again'}`,
    });
  }
  if (!own.urlIsQualified) {
    checks.push({
      name: 'url',
      ok: true,
      message: `no fully qualified name is known, so the others connect to ${own.url}`,
      remedy: 'give --url if they cannot resolve that',
    });
  }
  return {
    hostname: own.hostname,
    url: own.url,
    sshPort: own.sshPort,
    username: own.username,
    publicKey: own.keys.publicKey.line,
    hostKeys: [...(keys.length > 0 ? keys : knownKeys)],
    rootPath: own.root,
    syncDirs: own.syncDirs,
    backend: deps.config.backend,
  };
}

/**
 * Refuses a directory with the marker of another registered host at the same address and root:
 * two hosts on one directory would send files to themselves.
 */
async function refuseSharedDirs(
  deps: HostsDeps,
  id: string,
  own: ResolvedRegistration,
): Promise<void> {
  const hosts = await listHosts(deps);
  for (const dir of await listOwnDirs(deps, { root: own.root, syncDirs: own.ownSyncDirs })) {
    const marker = await readMarker(deps.disk, join(own.root, dir)).catch(() => undefined);
    const other = hosts.find(
      (host) => host.id === marker?.host && host.id !== id && host.status !== 'retired',
    );
    if (other?.url === own.url && other.rootPath === own.root) {
      throw new SyncMediaError(
        'BAD_STATE',
        `${join(own.root, dir)} belongs to the host ${other.hostname} (${other.id}): give every ` +
          `host a root of its own, or unregister that host; if this is a copy of its disk, ` +
          `remove ${join(own.root, dir, '.syncmedia/id')}`,
      );
    }
  }
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

/**
 * Lists this host's sync dirs without a marker of this host. A marker opens a directory, so
 * remote requests cannot write one.
 */
async function reportUnmarkedDirs(
  deps: HostsDeps,
  host: Host,
  state: HostState,
  checks: InitCheck[],
): Promise<Path[]> {
  const { root } = state,
    unmarked: Path[] = [];
  for (const dir of await listOwnDirs(deps, state)) {
    const marker = await readMarker(deps.disk, join(root, dir)).catch(() => undefined);
    if (marker?.host === host.id) continue;
    unmarked.push(dir);
    checks.push({
      name: `sync dir ${dir}`,
      ok: false,
      message: `${dir} is not marked for this host, so nothing is synced in it`,
      remedy: 'run `syncmedia init` on this host',
    });
  }
  return unmarked;
}

/**
 * Reports directories that only the database names. If `init` opened them, anyone with write
 * access to the database could open directories on every host.
 */
async function reportIgnoredDirs(
  deps: HostsDeps,
  state: HostState,
  checks: InitCheck[],
): Promise<void> {
  const own = await listOwnDirs(deps, state);
  const ignored = (await deps.syncDirs.all())
    .map(({ path }) => path)
    .filter((path) => !own.includes(path));
  if (ignored.length === 0) return;
  // Show directories that this host could open first, since a forged row may have any text as its
  // path.
  const shown = [...ignored.filter(isSafePath), ...ignored.filter((path) => !isSafePath(path))]
    .slice(0, maxIgnoredShown)
    .map((path) => quotePath(String(path)))
    .join(', ');
  checks.push({
    name: 'rows of sync dirs',
    ok: true,
    message:
      `the database names ` +
      `${shown}${ignored.length > maxIgnoredShown ? ` and ${String(ignored.length - maxIgnoredShown)} more` : ''}; ` +
      `this host opens only what its own models and --sync-dirs name, so ` +
      `${ignored.length === 1 ? 'it was' : 'these were'} not marked`,
    remedy:
      'if this host is to keep them, start the app whose models declare them, or list them in ' +
      '--sync-dirs, and run `syncmedia init` again',
  });
}

/**
 * Writes the markers of this host's sync dirs.
 * @returns whether a directory had the marker of another host: this disk was a replica before
 */
async function markOwnDirs(
  deps: HostsDeps,
  host: Host,
  state: HostState,
  checks: InitCheck[],
): Promise<boolean> {
  let returned = false;
  const { root } = state,
    dirs = await listOwnDirs(deps, state);
  if (dirs.length === 0) {
    checks.push({
      name: 'sync dirs',
      ok: false,
      message: 'no sync dir is known yet, so none was marked',
      remedy:
        'give --sync-dirs, or start the app once so that its models declare them, and run ' +
        '`syncmedia init` again',
    });
  }
  for (const dir of dirs) {
    const name = `sync dir ${dir}`;
    const fault = await findDirFault(root, dir);
    if (fault !== undefined) {
      checks.push({
        name,
        ok: false,
        message: fault,
        remedy: `create or mount ${join(root, dir)}, and run \`syncmedia init\` again`,
      });
      continue;
    }
    try {
      const before = await readMarker(deps.disk, join(root, dir));
      returned ||= before !== undefined && before.host !== host.id;
      await writeMarker(deps.disk, join(root, dir), host.id, dir, { force: true });
    } catch (error) {
      checks.push({
        name,
        ok: false,
        message: getErrorMessage(error),
        remedy: `let ${host.username} own ${join(root, dir)}`,
      });
    }
  }
  return returned;
}
