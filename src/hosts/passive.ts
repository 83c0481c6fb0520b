import { randomUUID } from 'node:crypto';
import { getCurrentUser } from '../util/current-user.js';
import { SyncMediaError } from '../model/errors.js';
import type { HostChange, PassiveHostRegistration } from '../api/requests.js';
import { normaliseSyncDirs } from '../config/normalise-sync-dir.js';
import { validateAddress } from '../transport/ssh/address.js';
import type { Host } from '../model/host.js';
import type { HostsDeps } from './deps.js';
import { scanHostKeys } from '../access/host-keys.js';
import { ensureHostIndexes } from './host-model.js';
import { insertHost, listHosts, pickHostCollection } from './host-rows.js';
import { readPublicKey } from '../access/own-key.js';
import { formatFingerprint, parsePublicKey } from '../util/public-key.js';
import { validateHostname, validateRootPath } from './registration.js';
import { listPassiveDirs } from './own-dirs.js';
import { readState } from '../state-dir/state.js';

/**
 * Registers a host that only has sshd and rsync.
 *
 * It is approved and ready at once, because a person adds it by hand. Its sync dirs are marked
 * before it is registered, so our key must already be accepted there. Only the key with the given
 * fingerprint is pinned, because nothing proves the others. A remote request must give the host
 * key itself. The host then waits for approval, and nothing connects to it before.
 *
 * @throws BAD_OPTION, BAD_SYNC_DIR, BAD_KEY, HOST_EXISTS, HOST_UNREACHABLE, HOST_KEY_MISMATCH
 *   with the fingerprints it presents; the errors of marking
 */
export async function addPassiveHost(
  deps: HostsDeps,
  requested: PassiveHostRegistration,
  { remote = false }: HostChange = {},
): Promise<Host> {
  const hostname = validateHostname(requested.hostname);
  const { url = hostname, sshPort = 22, username = getCurrentUser().username } = requested;
  validateAddress({ url, sshPort, username });
  const rootPath = validateRootPath(requested.root);
  const syncDirs =
    requested.syncDirs && requested.syncDirs.length > 0
      ? normaliseSyncDirs(requested.syncDirs, `the sync dirs of ${hostname}`)
      : [];
  const publicKey = requested.key === undefined ? '' : (await readPublicKey(requested.key)).line;
  await ensureHostIndexes(pickHostCollection(deps));
  refuseTakenAddress(await listHosts(deps), { hostname, url, sshPort });
  const hostKeys = [await findPinnedKey({ url, sshPort }, requested, remote)];
  const described = {
    hostname,
    url,
    sshPort,
    username,
    publicKey,
    hostKeys,
    rootPath,
    syncDirs,
    backend: deps.config.backend,
  };
  const id = randomUUID();
  const now = new Date();
  if (remote)
    return insertHost(deps, id, { ...described, passive: true, status: 'pending', readyAt: now });
  const host: Host = {
    ...described,
    id,
    passive: true,
    status: 'approved',
    readyAt: now,
    deliveries: {},
    rescans: {},
    received: 0,
    halted: {},
    createdAt: now,
    updatedAt: now,
  };
  await deps.markRemoteDirs(
    host,
    await listPassiveDirs(deps, { syncDirs }, readState(deps.config.stateDir)),
  );
  return insertHost(deps, id, { ...described, passive: true, status: 'approved', readyAt: now });
}

/** Checks for conflicts before the markers are written. The unique indexes decide in the end. */
function refuseTakenAddress(
  hosts: readonly Host[],
  { hostname, url, sshPort }: Pick<Host, 'hostname' | 'url' | 'sshPort'>,
): void {
  const other = hosts.find(
    (host) => host.hostname === hostname || (host.url === url && host.sshPort === sshPort),
  );
  if (other)
    throw new SyncMediaError(
      'HOST_EXISTS',
      `the host ${other.hostname} at ${other.url} port ${String(other.sshPort)} is registered ` +
        `already: give another hostname, or another url or port`,
    );
}

async function findPinnedKey(
  address: Pick<Host, 'url' | 'sshPort'>,
  { hostKey, fingerprint: wanted }: PassiveHostRegistration,
  remote: boolean,
): Promise<string> {
  if (hostKey !== undefined) return parsePublicKey(hostKey, 'the host key').line;
  if (wanted !== undefined && !remote) return findKeyByFingerprint(address, wanted);
  throw new SyncMediaError(
    'BAD_OPTION',
    remote
      ? 'the host key is missing: give the line of /etc/ssh/ssh_host_ed25519_key.pub of that host'
      : 'the fingerprint is missing: give that of one of the host keys, or the host key itself',
  );
}

async function findKeyByFingerprint(
  { url, sshPort }: Pick<Host, 'url' | 'sshPort'>,
  wanted: string,
): Promise<string> {
  if (!/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(wanted)) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `the fingerprint ${JSON.stringify(wanted.slice(0, 100))} is none: run \`ssh-keygen -l -f ` +
        `/etc/ssh/ssh_host_ed25519_key.pub\` on that host, and give what begins with SHA256:`,
    );
  }
  const keys = await scanHostKeys(url, sshPort);
  if (keys.length === 0)
    throw new SyncMediaError(
      'HOST_UNREACHABLE',
      `no sshd answers at ${url} port ${String(sshPort)}`,
    );
  const key = keys.find((line) => formatFingerprint(line) === wanted.replace(/=$/, ''));
  if (key !== undefined) return key;
  throw new SyncMediaError(
    'HOST_KEY_MISMATCH',
    `${url} port ${String(sshPort)} shows ` +
      `${keys.map((line) => formatFingerprint(line)).join(', ')}, ` +
      `and not ${wanted}: find out on that host which is right`,
  );
}
