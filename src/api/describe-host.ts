import { createHash } from 'node:crypto';
import { formatTrusted } from '../decisions/trusted.js';
import type { Host } from '../model/host.js';
import { findPublicKey, formatFingerprint, type PublicKey } from '../util/public-key.js';

/** A key in the form that people compare. */
interface KeyDescription {
  readonly type: string;
  readonly fingerprint: string;
}

/**
 * A host as the router and the command line show it. Keys are shown by fingerprint; internal
 * fields are left out.
 */
export interface HostDescription extends Pick<
  Host,
  | 'id'
  | 'hostname'
  | 'url'
  | 'sshPort'
  | 'username'
  | 'rootPath'
  | 'syncDirs'
  | 'backend'
  | 'passive'
  | 'status'
  | 'paused'
  | 'readyAt'
  | 'halted'
  | 'software'
  | 'createdAt'
  | 'updatedAt'
> {
  /** `type base64`, without options and comment; null if the host has none. */
  readonly publicKey: string | null;
  readonly key: KeyDescription | null;
  readonly hostKeys: readonly KeyDescription[];
  /**
   * No host of this site wrote its row, or somebody changed it since, so it must be examined
   * closely before it is approved.
   */
  readonly unsealed?: true;
  /** The digest of everything that an approval covers; the approval must include it. */
  readonly digest: string;
}

export function describeHost(host: Host): HostDescription {
  const {
    id,
    hostname,
    url,
    sshPort,
    username,
    rootPath,
    syncDirs,
    backend,
    passive,
    status,
    paused,
    readyAt,
    halted,
    software,
    createdAt,
    updatedAt,
  } = host;
  const own = findPublicKey(host.publicKey);
  return {
    id,
    hostname,
    url,
    sshPort,
    username,
    rootPath,
    syncDirs,
    backend,
    passive,
    status,
    ...(paused && { paused }),
    ...(readyAt && { readyAt }),
    halted,
    ...(software && { software }),
    createdAt,
    updatedAt,
    publicKey: own?.line ?? null,
    key: own ? describeKey(own) : null,
    hostKeys: host.hostKeys.flatMap((line) => {
      const key = findPublicKey(line);
      return key ? [describeKey(key)] : [];
    }),
    ...(host.unsealed && { unsealed: true as const }),
    digest: digestHost(host),
  };
}

/** A host as the router shows it alone, with fields that are too long for a list. */
export interface HostDetails extends HostDescription {
  /** The last run of its reload command, with the end of its output. */
  readonly reload?: NonNullable<Host['reload']>;
  /** Names on its disk that cannot be synced: the first of each sync dir. */
  readonly unsyncable?: readonly { readonly path: string; readonly why: string }[];
}

/** Another host wrote these into its row, so their size is limited here as well. */
const maxOutput = 4_096,
  maxUnsyncable = 50,
  maxPath = 4_096,
  maxReason = 500;

export function describeHostDetails(host: Host): HostDetails {
  const { reload, unsyncable = {} } = host;
  const names = Object.values(unsyncable)
    .flatMap(({ examples }) => examples)
    .slice(0, maxUnsyncable)
    .map(({ path, why }) => ({ path: path.slice(0, maxPath), why: why.slice(0, maxReason) }));
  return {
    ...describeHost(host),
    ...(reload && { reload: { ...reload, output: reload.output.slice(-maxOutput) } }),
    ...(names.length > 0 && { unsyncable: names }),
  };
}

/**
 * Computes the SHA-256 of a host's trusted fields except its status. A change of key, address,
 * user or root changes it.
 */
export function digestHost(host: Host): string {
  return createHash('sha256')
    .update(formatTrusted(host, { status: false }) ?? `malformed ${JSON.stringify(host)}`)
    .digest('hex');
}

function describeKey(key: PublicKey): KeyDescription {
  return { type: key.type, fingerprint: formatFingerprint(key) };
}
