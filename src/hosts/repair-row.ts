import type { HostRow } from './host-model.js';
import { isHostId, isHostname } from '../model/host-name.js';
import { findFieldRepairs } from './row-fields.js';

/**
 * Required text fields. A row may hold anything, and a malformed one must not disturb other
 * hosts.
 */
const textFields = ['url', 'username', 'publicKey', 'rootPath'] as const;
const listFields = ['hostKeys', 'syncDirs'] as const;
const hostStatuses: readonly unknown[] = ['pending', 'approved', 'paused', 'retired'];

/**
 * Replaces each malformed value of a row by an empty one. A host with a malformed identity waits
 * for approval, unless it was retired.
 * @returns the row itself if nothing is malformed
 */
export function repairRow(row: HostRow): HostRow {
  const given = row as unknown as Record<string, unknown>;
  const wrong: Record<string, unknown> = {};
  if (!isHostId(row._id)) wrong['_id'] = String(row._id);
  if (!isHostname(row.hostname) && !isFreedName(row)) wrong['hostname'] = '';
  for (const name of textFields) if (typeof given[name] !== 'string') wrong[name] = '';
  for (const name of listFields) if (!isTextList(given[name])) wrong[name] = [];
  if (!Number.isInteger(row.sshPort)) wrong['sshPort'] = 0;
  if (typeof row.passive !== 'boolean') wrong['passive'] = false;
  if (!hostStatuses.includes(row.status)) wrong['status'] = 'pending';
  const isForged = Object.keys(wrong).length > 0;
  // Malformed working fields do not change the host's status.
  const unread = findFieldRepairs(row);
  for (const [name, value] of Object.entries(unread)) wrong[name] = value;
  if (Object.keys(wrong).length === 0) return row;
  const repaired: Record<string, unknown> = {
    ...row,
    ...wrong,
    ...(isForged && row.status !== 'retired' && { status: 'pending' }),
  };
  for (const [name, value] of Object.entries(wrong))
    if (value === undefined) Reflect.deleteProperty(repaired, name);
  return repaired as unknown as HostRow;
}

/** Lists the malformed fields of a row, for status and doctor. */
export function listUnreadable(row: HostRow): string[] {
  const given = row as unknown as Record<string, unknown>,
    repaired = repairRow(row) as unknown as Record<string, unknown>;
  return Object.keys(given).filter((name) => name !== 'status' && given[name] !== repaired[name]);
}

/** Whether the row is retired and has the name that frees its own for other hosts. */
function isFreedName({ _id, hostname, status }: HostRow): boolean {
  const end = `#${String(_id)}`;
  return (
    status === 'retired' &&
    typeof hostname === 'string' &&
    hostname.endsWith(end) &&
    isHostname(hostname.slice(0, -end.length))
  );
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
