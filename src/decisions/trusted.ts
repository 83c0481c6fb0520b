import type { Host } from '../model/host.js';

/**
 * The fields of a host's row that decide whom other hosts let in and where they send. All other
 * fields are information only.
 */
export type TrustedFields = Pick<
  Host,
  | 'id'
  | 'hostname'
  | 'url'
  | 'sshPort'
  | 'username'
  | 'publicKey'
  | 'hostKeys'
  | 'rootPath'
  | 'syncDirs'
  | 'passive'
  | 'status'
>;

/**
 * Fields that identify a host or say where it is reached. A change of these needs a new approval.
 */
const identifyingFields = [
  'url',
  'sshPort',
  'username',
  'publicKey',
  'hostKeys',
  'rootPath',
] as const;

/**
 * The trusted fields of a host as one text that is unique for their values. Undefined if a field
 * has a wrong type, since a row of the database may hold anything. Without the status, it is the
 * text that a person approves.
 */
export function formatTrusted(
  host: TrustedFields,
  options: { status: boolean },
): string | undefined {
  const {
    id,
    hostname,
    url,
    sshPort,
    username,
    publicKey,
    hostKeys,
    rootPath,
    syncDirs,
    passive,
    status,
  } = host;
  const texts: readonly unknown[] = [id, hostname, url, username, publicKey, rootPath, status];
  if (!texts.every((text) => typeof text === 'string')) return undefined;
  if (!Number.isInteger(sshPort) || typeof passive !== 'boolean') return undefined;
  if (
    ![hostKeys, syncDirs].every(
      (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === 'string'),
    )
  )
    return undefined;
  // An array needs no agreed order of keys.
  return JSON.stringify([
    1,
    id,
    hostname,
    url,
    sshPort,
    username,
    publicKey,
    hostKeys,
    rootPath,
    syncDirs,
    passive,
    ...(options.status ? [status] : []),
  ]);
}

/** Whether these values would turn the host into one that nobody approved. */
export function identifiesAnother(before: Host, after: Partial<Host>): boolean {
  return identifyingFields.some(
    (field) =>
      after[field] !== undefined && JSON.stringify(after[field]) !== JSON.stringify(before[field]),
  );
}
