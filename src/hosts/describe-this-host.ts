import { isDeepStrictEqual } from 'node:util';
import type { HostChange } from '../api/requests.js';
import { readOwnHostKeys } from '../access/host-keys.js';
import { identifiesAnother } from '../decisions/trusted.js';
import type { Host } from '../model/host.js';
import { describeInstallation } from '../model/packages.js';
import type { HostsDeps, InitCheck, InitParts } from './deps.js';
import type { RegisteredFields, HostUpdate } from './host-rows.js';
import type { EarlierRegistration, ResolvedRegistration } from './registration.js';

/**
 * Whether the row of this host can be trusted. With a secret, a row without a valid seal cannot,
 * nor can a retired row, which has no seal.
 */
export function isTrustedRow({ seals }: HostsDeps, { unsealed, status }: Host): boolean {
  return !unsealed && !(seals.isActive && status === 'retired');
}

/**
 * Compares an untrusted row with the new registration. Such a row may be forged, or older than
 * this site's secret.
 */
export function compareUntrustedRow(row: Host, described: RegisteredFields): InitCheck {
  const differing = (['url', 'sshPort', 'username', 'syncDirs'] as const).filter(
    (field) => !isDeepStrictEqual(row[field], described[field]),
  );
  const options = {
    url: '--url',
    sshPort: '--port',
    username: '--username',
    syncDirs: '--sync-dirs',
  } as const;
  const listFields = (values: Pick<Host, (typeof differing)[number]>): string =>
    differing.map((field) => `${field} ${JSON.stringify(values[field])}`).join(', ');
  const difference =
    differing.length === 0
      ? ''
      : `: it said ${listFields(row)}, and registered is ${listFields(described)}`;
  return {
    name: 'own row',
    ok: differing.length === 0,
    message:
      `the row of this host in the database has no valid seal, so it was ` + `ignored${difference}`,
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
export function decideStatus(
  { config }: HostsDeps,
  now: Host,
  described: RegisteredFields,
  { remote = false }: HostChange,
): Pick<HostUpdate, 'status'> {
  if (now.unsealed) return { status: config.autoApprove && !remote ? 'approved' : 'pending' };
  return identifiesAnother(now, described) && (remote || !config.autoApprove)
    ? { status: 'pending' }
    : {};
}

export async function describeThisHost(
  deps: HostsDeps,
  own: ResolvedRegistration,
  { host, state }: EarlierRegistration,
  { hostKeyFolder }: InitParts,
  checks: InitCheck[],
  { remote = false }: HostChange,
): Promise<RegisteredFields> {
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
        `${describeInstallation('sshd')} and start it, or give its port ` +
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
