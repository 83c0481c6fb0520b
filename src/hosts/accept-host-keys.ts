import { SyncMediaError } from '../model/errors.js';
import type { HostKeys } from '../api/reports.js';
import { validateAddress } from '../transport/ssh/address.js';
import type { Host } from '../model/host.js';
import type { HostsDeps } from './deps.js';
import { scanHostKeys } from '../access/host-keys.js';
import { updateHost } from './host-rows.js';
import { findPublicKey, formatFingerprint } from '../util/public-key.js';

/**
 * Reads the fingerprints that are pinned for a host, and those that its address presents now.
 * @throws HOST_UNREACHABLE, MISSING_PROGRAM
 */
export async function readHostKeys(host: PinnedAddress): Promise<HostKeys> {
  return {
    pinned: listPinnedFingerprints(host),
    shown: (await requireHostKeys(host)).map((line) => formatFingerprint(line)),
  };
}

/**
 * Replaces the pinned host keys by those with the given fingerprints, which a person has compared
 * on that host. The host must present all of them.
 * @throws HOST_KEY_MISMATCH naming the fingerprints it presents, HOST_UNREACHABLE,
 *   MISSING_PROGRAM
 */
export async function acceptHostKeys(
  deps: HostsDeps,
  host: Host,
  fingerprints: readonly string[],
): Promise<Host> {
  const wanted = fingerprints.map((one) => one.replace(/=$/, ''));
  const keys = await requireHostKeys(host);
  const accepted = keys.filter((line) => wanted.includes(formatFingerprint(line)));
  if (
    wanted.length === 0 ||
    !wanted.every((one) => accepted.some((line) => formatFingerprint(line) === one))
  ) {
    throw new SyncMediaError(
      'HOST_KEY_MISMATCH',
      `${host.url} port ${String(host.sshPort)} shows ` +
        `${keys.map((line) => formatFingerprint(line)).join(', ')}; pinned is ` +
        `${listPinnedFingerprints(host).join(', ')}, and to be accepted is ` +
        `${fingerprints.join(', ') || 'nothing'}: find out on that host which is right`,
    );
  }
  const updated = await updateHost(deps, host.id, (now) => {
    if (now.url === host.url && now.sshPort === host.sshPort) return { hostKeys: accepted };
    throw new SyncMediaError(
      'HOST_CHANGED',
      `the host ${host.hostname} is reached at another address by now: look at it again`,
    );
  });
  if (!updated)
    throw new SyncMediaError(
      'UNKNOWN_HOST',
      `the host ${host.hostname} was unregistered meanwhile`,
    );
  return updated;
}

type PinnedAddress = Pick<Host, 'url' | 'sshPort' | 'username' | 'hostKeys'>;

/** A row may hold malformed keys, so a key that cannot be parsed must not throw here. */
function listPinnedFingerprints({ hostKeys }: PinnedAddress): string[] {
  return hostKeys.map((line) => {
    const key = findPublicKey(line);
    return key ? formatFingerprint(key) : 'a malformed key';
  });
}

async function requireHostKeys({ url, sshPort, username }: PinnedAddress): Promise<string[]> {
  validateAddress({ url, sshPort, username });
  const keys = await scanHostKeys(url, sshPort);
  if (keys.length > 0) return keys;
  throw new SyncMediaError('HOST_UNREACHABLE', `no sshd answers at ${url} port ${String(sshPort)}`);
}
