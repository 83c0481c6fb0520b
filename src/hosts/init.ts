import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { messageOf, SyncMediaError } from '../errors/errors.js';
import type { Change, HostRegistration, InitReport } from '../instance.js';
import { normaliseSyncDirs } from '../options/sync-dir.js';
import { identifiesAnother } from '../planning/trusted.js';
import { readMarker, writeMarker } from '../root/marker.js';
import type { Host, Path } from '../words.js';
import { claimDatabase, compareDatabase, metaCollection } from './database-id.js';
import type { HostsDeps, InitParts } from './deps.js';
import { withLock } from './file-lock.js';
import { claimFirst } from './first-host.js';
import { readOwnHostKeys } from './host-keys.js';
import { ensureIndexes } from './host-model.js';
import { findHost, insertHost, listHosts, rowsOf, updateHost, type Changed, type Described } from './host-rows.js';
import { checkGate, openGateDirs, readGateDirs } from './gate.js';
import { installKeys, uninstallKeys, type KeyTarget } from './keys-installed.js';
import { listProtected, refuseProtectedDirs } from './protected-dirs.js';
import { limitRemoteChange } from './remote-limits.js';
import { findWrongDir, resolveRegistration, type Known, type OwnHost } from './registration.js';
import { checkStateDir, readState, removeState, writeState, type State } from './state.js';
import { listDirs } from './sync-dirs-store.js';
import { restoreNames } from './unregister.js';

type Check = InitReport['checks'][number];

/**
 * Registers this machine, or brings its row, state folder, markers and keys up to date; then tries it. Idempotent, and what a crash
 * left half done the next call completes.
 *
 * @throws BAD_OPTION, BAD_SYNC_DIR, BAD_KEY, BAD_STATE, NO_CONFINEMENT, HOST_EXISTS, FORMAT_TOO_NEW. What works only partly is a check that is not ok.
 */
export async function initHost(deps: HostsDeps, asked: HostRegistration, parts: InitParts = {}, change: Change = {}): Promise<InitReport> {
  const { stateDir } = deps.config;
  const checks: Check[] = [];
  const { host, state, created } = await locked(stateDir, () => register(deps, asked, parts, checks, change));
  await deps.syncDirs.addMissing(host.syncDirs);
  const unmarked = change.remote ? await listUnmarked(deps, host, state, checks) : [];
  const returned = !change.remote && await markDirs(deps, host, state, checks);
  if (returned && !host.readyAt) await rowsOf(deps).updateOne({ _id: host.id, readyAt: { $exists: false } }, { $set: { returnedAt: new Date() } });
  const open = await letIn(deps, host, state, checks);
  checks.push(...(await tryIt(deps, host, state, open.filter((dir) => !unmarked.includes(dir)), change)));
  return { host, created, checks };
}

/** Installs the keys and what confines them, and says which sync dirs of this host they open. */
async function letIn(deps: HostsDeps, host: Host, state: State, checks: Check[]): Promise<Path[]> {
  const { stateDir, log } = deps.config;
  const dirs = await listDirs(deps, host.syncDirs);
  try {
    if (!state.unconfined) await openGateDirs(stateDir, state, deps.declared());
    await installKeys({ stateDir, state, log }, await listHosts(deps));
  } catch (error) {
    checks.push({ name: 'authorized_keys', ok: false, message: messageOf(error) });
  }
  if (state.unconfined) return dirs;
  const open = await readGateDirs(stateDir);
  for (const dir of dirs.filter((one) => !open.includes(one))) {
    checks.push({ name: `sync dir ${dir}`, ok: true, message: 'other hosts cannot reach it yet: it is known from the database only', remedy: 'start the app, whose models declare it, or give it in --sync-dirs' });
  }
  return dirs.filter((dir) => open.includes(dir));
}

/** Two `init`s at once would make two hosts of one machine. */
async function locked<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new SyncMediaError('BAD_STATE', `the state folder ${stateDir} cannot be made (${messageOf(error)}): give another in SYNCMEDIA_STATE_DIR`, { cause: error });
  }
  return withLock(join(stateDir, 'init.lock'), work);
}

async function register(deps: HostsDeps, asked: HostRegistration, parts: InitParts, checks: Check[], change: Change): Promise<{ host: Host; state: State; created: boolean }> {
  const { connection, config } = deps;
  const rows = rowsOf(deps);
  const meta = metaCollection(connection, config.collectionPrefix);
  const before = readState(config.stateDir);
  const databaseId = await claimDatabase(meta);
  if (before) compareDatabase(before, { name: connection.name, id: databaseId });
  await ensureIndexes(rows);
  const stored = before && (await findHost(deps, before.id));
  const retired = stored?.status === 'retired';
  if (change.remote) await limitRemote(deps, asked, before);
  const known: Known = { state: before, host: stored && restoreNames(stored) };
  const own = await resolveRegistration(deps, asked, known, parts);
  await checkStateDir(config.stateDir, own.root);
  await refuseProtectedDirs(own.root, [...own.ownSyncDirs, ...own.syncDirs, ...deps.declared()], own.ownSyncDirs, listProtected({ authorizedKeysFile: config.authorizedKeysFile, identityFile: own.keys.identityFile }, config));
  const id = before && !retired ? before.id : randomUUID();
  await refuseSharedDirs(deps, id, own);
  if (!deps.seals.active) {
    checks.push({
      name: 'secret', ok: true, message: 'SYNCMEDIA_SECRET is not set: anyone with write access to the database can register a host of their own',
      remedy: 'set one on all machines and run `syncmedia init` on each (README, "Trust")',
    });
  }
  checks.push({ name: 'confinement', ok: true, message: own.unconfined ? 'none: the keys of the other hosts give a login shell as this user' : await checkGate() });
  const described = await describe(deps, own, known.host, parts, checks);
  const state: State = {
    format: 1, id, hostname: own.hostname, root: own.root, syncDirs: own.ownSyncDirs, database: { name: connection.name, id: databaseId },
    ...(own.keys.publicKeyFile !== undefined && { publicKeyFile: own.keys.publicKeyFile }),
    identityFile: own.keys.identityFile, authorizedKeysFile: config.authorizedKeysFile, ...(own.unconfined && { unconfined: true as const }),
    createdAt: before && !retired ? before.createdAt : new Date().toISOString(),
  };
  // The state first: a row whose id nobody kept would block its own name.
  if (!isDeepStrictEqual(state, before)) await writeState(config.stateDir, state);
  try {
    const host = stored && !retired ? await updateHost(deps, id, (now) => ({ ...described, passive: false, ...decideStatus(deps, now, described, change) })) : undefined;
    const made = host ?? (await insertHost(deps, id, { ...described, passive: false, status: config.autoApprove ? 'approved' : 'pending' }));
    const old: KeyTarget | undefined = before && { stateDir: config.stateDir, state: before, log: config.log };
    if (old && (old.state.authorizedKeysFile !== state.authorizedKeysFile || old.state.id !== id)) await uninstallKeys(old);
    return { host: await claimFirst(rows, meta, made), state, created: !host };
  } catch (error) {
    await (before ? writeState(config.stateDir, before) : removeState(config.stateDir));
    throw error;
  }
}

/**
 * A row that nobody of this site wrote is written anew: what was approved of it is not known. Who may not approve hosts, or asks from
 * afar, does not approve one either by making another of it.
 */
function decideStatus({ config }: HostsDeps, now: Host, described: Described, { remote = false }: Change): Pick<Changed, 'status'> {
  if (now.unsealed) return { status: config.autoApprove && !remote ? 'approved' : 'pending' };
  return identifiesAnother(now, described) && (remote || !config.autoApprove) ? { status: 'pending' } : {};
}

/** Who asks from afar gets nothing connected to before a person has looked at the address. */
async function tryIt(deps: HostsDeps, host: Host, state: State, open: readonly Path[], { remote = false }: Change): Promise<Check[]> {
  if (host.status !== 'pending') return deps.tryHost(host, state, open);
  const waits: Check = { name: 'approval', ok: true, message: 'this host is pending: the others let it in and send to it once it is approved', remedy: `compare its fingerprints and run \`syncmedia approve ${host.hostname}\`, on any host` };
  return remote ? [waits] : [waits, ...(await deps.tryHost(host, state, open))];
}

async function describe(deps: HostsDeps, own: OwnHost, before: Host | undefined, { hostKeyFolder }: InitParts, checks: Check[]): Promise<Described> {
  const { keys, from } = await readOwnHostKeys(own.sshPort, hostKeyFolder);
  if (from !== 'sshd') {
    checks.push({
      name: 'host keys', ok: false,
      message: `no sshd answers on loopback port ${String(own.sshPort)}: its keys were ${from === 'files' ? 'read from its files' : 'not found'}`,
      remedy: `start sshd, or give its port, and run \`syncmedia init\` again`,
    });
  }
  if (!own.urlIsQualified) {
    checks.push({ name: 'url', ok: true, message: `no fully qualified name is known, so the others connect to ${own.url}`, remedy: 'give --url if they cannot resolve that' });
  }
  return {
    hostname: own.hostname, url: own.url, sshPort: own.sshPort, username: own.username, publicKey: own.keys.publicKey.line,
    hostKeys: keys.length > 0 ? keys : before?.hostKeys ?? [], rootPath: own.root, syncDirs: own.syncDirs, backend: deps.config.backend,
  };
}

/** A directory that is marked for a living host at the same place is registered already: two hosts on it would send to themselves. */
async function refuseSharedDirs(deps: HostsDeps, id: string, own: OwnHost): Promise<void> {
  const hosts = await listHosts(deps);
  for (const dir of await listDirs(deps, own.syncDirs)) {
    const marker = await readMarker(deps.disk, join(own.root, dir)).catch(() => undefined);
    const other = hosts.find((host) => host.id === marker?.host && host.id !== id && host.status !== 'retired');
    if (other?.url === own.url && other.rootPath === own.root) {
      throw new SyncMediaError('BAD_STATE', `${join(own.root, dir)} belongs to the host ${other.hostname} (${other.id}): give every host a root of its own, or unregister that host; if this is a copy of its disk, remove ${join(own.root, dir, '.syncmedia/id')}`);
    }
  }
}

/** @throws FORBIDDEN where somebody at none of the hosts asks for more than this host opens by itself */
async function limitRemote(deps: HostsDeps, asked: HostRegistration, before: State | undefined): Promise<void> {
  const { config } = deps;
  const normalise = (dirs: readonly string[]): Path[] => dirs.length === 0 ? [] : normaliseSyncDirs(dirs, 'the sync dirs of this host');
  limitRemoteChange({
    hostname: before?.hostname ?? 'this host', root: asked.root, syncDirs: asked.syncDirs && normalise(asked.syncDirs),
    own: {
      root: before?.root ?? config.init.root, allowed: (before?.syncDirs ?? normalise(config.init.syncDirs ?? [])) as Path[],
      declared: [...deps.declared(), ...await readGateDirs(config.stateDir)] as Path[],
    },
  });
}

/** The sync dirs of this host that have no marker of it. A marker opens a directory, so only somebody at the host makes one. */
async function listUnmarked(deps: HostsDeps, host: Host, { root }: State, checks: Check[]): Promise<Path[]> {
  const unmarked: Path[] = [];
  for (const dir of await listDirs(deps, host.syncDirs)) {
    const marker = await readMarker(deps.disk, join(root, dir)).catch(() => undefined);
    if (marker?.host === host.id) continue;
    unmarked.push(dir);
    checks.push({ name: `sync dir ${dir}`, ok: false, message: `${dir} is not marked for this host, so nothing is synced in it`, remedy: 'run `syncmedia init` on this host' });
  }
  return unmarked;
}

/** @returns whether one of them was another host's: this disk was a replica before */
async function markDirs(deps: HostsDeps, host: Host, { root }: State, checks: Check[]): Promise<boolean> {
  let returned = false;
  const dirs = await listDirs(deps, host.syncDirs);
  if (dirs.length === 0) {
    checks.push({ name: 'sync dirs', ok: false, message: 'no sync dir is known yet, so none was marked', remedy: 'give --sync-dirs, or start the app once so that its models declare them, and run `syncmedia init` again' });
  }
  for (const dir of dirs) {
    const name = `sync dir ${dir}`;
    const wrong = await findWrongDir(root, dir);
    if (wrong !== undefined) {
      checks.push({ name, ok: false, message: wrong, remedy: `create or mount ${join(root, dir)}, and run \`syncmedia init\` again` });
      continue;
    }
    try {
      const before = await readMarker(deps.disk, join(root, dir));
      returned ||= before !== undefined && before.host !== host.id;
      await writeMarker(deps.disk, join(root, dir), host.id, dir, { force: true });
    } catch (error) {
      checks.push({ name, ok: false, message: messageOf(error), remedy: `let ${host.username} own ${join(root, dir)}` });
    }
  }
  return returned;
}
