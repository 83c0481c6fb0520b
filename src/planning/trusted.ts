import type { Host } from '../words.js';

/** What of a host's row decides whom others let in, and where they send. Everything else of a row is a fact or a hint. */
export type Trusted = Pick<Host, 'id' | 'hostname' | 'url' | 'sshPort' | 'username' | 'publicKey' | 'hostKeys' | 'rootPath' | 'syncDirs' | 'passive' | 'status'>;

/** What identifies a host, or says where it is reached: a change of these needs a person's approval anew. */
const identifying = ['url', 'sshPort', 'username', 'publicKey', 'hostKeys', 'rootPath'] as const;

/**
 * What is trusted of a host as one text, the same for the same values and for no others; undefined where a value has not the type
 * it should have (a row of the database may hold anything). Without the status it is what a person approves.
 */
export function formatTrusted(host: Trusted, options: { status: boolean }): string | undefined {
  const { id, hostname, url, sshPort, username, publicKey, hostKeys, rootPath, syncDirs, passive, status } = host;
  const texts: readonly unknown[] = [id, hostname, url, username, publicKey, rootPath, status];
  if (!texts.every((text) => typeof text === 'string')) return undefined;
  if (!Number.isInteger(sshPort) || typeof passive !== 'boolean') return undefined;
  if (![hostKeys, syncDirs].every((list: unknown) => Array.isArray(list) && list.every((one) => typeof one === 'string'))) return undefined;
  // An array: no order of keys to agree on.
  return JSON.stringify([1, id, hostname, url, sshPort, username, publicKey, hostKeys, rootPath, syncDirs, passive, ...(options.status ? [status] : [])]);
}

/** Whether these values would make of a host one that nobody has approved. */
export function identifiesAnother(before: Host, after: Partial<Host>): boolean {
  return identifying.some((field) => after[field] !== undefined && JSON.stringify(after[field]) !== JSON.stringify(before[field]));
}
