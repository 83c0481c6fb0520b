import { createHash } from 'node:crypto';
import { formatTrusted } from '../decisions/trusted.js';
import type { Host } from '../model/words.js';

/** A key in the form that people compare. */
export interface KeyDescription {
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

/** Only a complete public key line matches, so a private key in a row is never shown. */
const publicKeyPattern =
  /^((?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+)) ([A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?$/;

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
    readyAt,
    halted,
    software,
    createdAt,
    updatedAt,
  } = host;
  const own = publicKeyPattern.exec(host.publicKey.trim());
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
    ...(readyAt && { readyAt }),
    halted,
    ...(software && { software }),
    createdAt,
    updatedAt,
    publicKey: own ? `${own[1] ?? ''} ${own[2] ?? ''}` : null,
    key: describeKey(host.publicKey) ?? null,
    hostKeys: host.hostKeys.flatMap((line) => describeKey(line) ?? []),
    ...(host.unsealed && { unsealed: true as const }),
    digest: digestHost(host),
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

/**
 * Describes a public key line; undefined if the text is none. The fingerprint is formatted as
 * `ssh-keygen -l` does: `SHA256:…`.
 */
function describeKey(line: string): KeyDescription | undefined {
  const [, type, blob] = publicKeyPattern.exec(line.trim()) ?? [];
  if (type === undefined || blob === undefined) return undefined;
  const digest = createHash('sha256')
    .update(Buffer.from(blob, 'base64'))
    .digest('base64')
    .replace(/=+$/, '');
  return { type, fingerprint: `SHA256:${digest}` };
}
