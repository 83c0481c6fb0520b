import type { HostDescription } from '../api/describe-host.js';
import { formatPairs } from './table.js';

/** Formats everything that a person needs to decide about a host, a line each. */
export function formatHost(host: HostDescription): string {
  return formatPairs([
    ['host', host.hostname],
    ['id', host.id],
    ['address', formatAddress(host)],
    ['status', formatHostStatus(host)],
    ['root', host.rootPath],
    ['sync dirs', host.syncDirs.join(', ') || 'all'],
    ['ready since', host.readyAt?.toISOString() ?? '–'],
    ['key', host.key ? `${host.key.type} ${host.key.fingerprint}` : '–'],
    ...host.hostKeys.map(({ type, fingerprint }): [string, string] => [
      'host key',
      `${type} ${fingerprint}`,
    ]),
  ]);
}

export function formatAddress({ username, url, sshPort }: HostDescription): string {
  return `${username}@${url}:${String(sshPort)}`;
}

/** Says for people what the status of a host means: a file is pending, a host waits. */
export function describeHostStatus(status: HostDescription['status']): string {
  return status === 'pending' ? 'waits for approval' : status;
}

/** @param showsPassive false where another column says it */
export function formatHostStatus(
  { status, passive, readyAt, unsealed }: HostDescription,
  showsPassive = true,
): string {
  const marks = [
    describeHostStatus(status),
    unsealed && 'no valid seal',
    showsPassive && passive && 'passive',
    !passive && !readyAt && 'not ready',
  ];
  return marks.filter((mark) => typeof mark === 'string').join(', ');
}
