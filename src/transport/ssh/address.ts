import { isIP } from 'node:net';
import { SyncMediaError } from '../../model/errors.js';
import type { HostId } from '../../model/host.js';

/** The login data of a host. A Host fits. */
export interface SshAddress {
  readonly id: HostId;
  readonly url: string;
  readonly sshPort: number;
  readonly username: string;
  /** The public keys of its sshd (`ssh-ed25519 AAAA…`). It must show one of them. */
  readonly hostKeys: readonly string[];
}

/**
 * Refuses values that ssh, its configuration or rsync could take for an option, or for more than
 * one value. Text from a database row goes no further.
 *
 * @throws BAD_OPTION naming the field
 */
export function validateAddress(
  address: Pick<SshAddress, 'url' | 'sshPort' | 'username'> & { readonly id?: HostId },
): void {
  const { id, url, sshPort, username } = address;
  if (id !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id))
    refuseField('id', id, 'letters, digits, "-" and "_"');
  if (!isHostName(url))
    refuseField('url', url, 'a host name or an IP address, such as web1.example.com');
  if (!Number.isInteger(sshPort) || sshPort < 1 || sshPort > 65_535)
    refuseField('sshPort', String(sshPort), 'a port from 1 to 65535');
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\$?$/.test(username))
    refuseField('username', username, 'a user name of letters, digits and . _ - + @');
}

function isHostName(url: string): boolean {
  if (isIP(url) !== 0) return !url.includes('%');
  return (
    url.length <= 253 &&
    url.split('.').every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
  );
}

function refuseField(field: string, value: string, wanted: string): never {
  throw new SyncMediaError(
    'BAD_OPTION',
    `${field} ${JSON.stringify(value.slice(0, 100))} cannot be used: give ${wanted}.`,
  );
}

/** Formats an address for messages. */
export function formatAddress({ username, url, sshPort }: SshAddress): string {
  return `${username}@${url} port ${String(sshPort)}`;
}
