import { createHash } from 'node:crypto';
import { formatTrusted } from './planning/trusted.js';
import type { Host } from './words.js';

/** A key as people compare it. */
export interface KeyDescription { readonly type: string; readonly fingerprint: string }

/** A host as the router and the command line show it: keys by fingerprint, nothing that only the host itself needs. */
export interface HostDescription extends Pick<Host,
  'id' | 'hostname' | 'url' | 'sshPort' | 'username' | 'rootPath' | 'syncDirs' | 'backend' | 'passive' | 'status' | 'readyAt' |
  'halted' | 'software' | 'createdAt' | 'updatedAt'> {
  /** `type base64`, without options and comment; null where the host has none. */
  readonly publicKey: string | null;
  readonly key: KeyDescription | null;
  readonly hostKeys: readonly KeyDescription[];
  /** Its row was not written by this site, or was changed since: whoever approves it has to look closely. */
  readonly unsealed?: true;
  /** Of everything that approving approves; sent back with the approval. */
  readonly digest: string;
}

/** Only a whole public key line passes: whatever else a row may hold (a private key, say) is never shown. */
const publicKeyLine = /^((?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+)) ([A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?$/;

export function describeHost(host: Host): HostDescription {
  const {
    id, hostname, url, sshPort, username, rootPath, syncDirs, backend, passive, status, readyAt, halted, software, createdAt, updatedAt,
  } = host;
  const own = publicKeyLine.exec(host.publicKey.trim());
  return {
    id, hostname, url, sshPort, username, rootPath, syncDirs, backend, passive, status,
    ...(readyAt && { readyAt }), halted, ...(software && { software }), createdAt, updatedAt,
    publicKey: own ? `${own[1] ?? ''} ${own[2] ?? ''}` : null,
    key: describeKey(host.publicKey) ?? null,
    hostKeys: host.hostKeys.flatMap((line) => describeKey(line) ?? []),
    ...(host.unsealed && { unsealed: true as const }),
    digest: digestHost(host),
  };
}

/** SHA-256 of what is trusted of a host, but for its status: of another key, address, user or root it is another one. */
export function digestHost(host: Host): string {
  return createHash('sha256').update(formatTrusted(host, { status: false }) ?? `malformed ${JSON.stringify(host)}`).digest('hex');
}

/** `SHA256:…` as `ssh-keygen -l` prints it; undefined for what is no public key line. */
function describeKey(line: string): KeyDescription | undefined {
  const [, type, blob] = publicKeyLine.exec(line.trim()) ?? [];
  if (type === undefined || blob === undefined) return undefined;
  const digest = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '');
  return { type, fingerprint: `SHA256:${digest}` };
}
