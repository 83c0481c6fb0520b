import type { HostRow } from './host-model.js';

/** What must be there, and of which type: a row of the database may hold anything, and one that does must not disturb the others. */
const texts = ['hostname', 'url', 'username', 'publicKey', 'rootPath'] as const;
const lists = ['hostKeys', 'syncDirs'] as const;
const records = ['lanes', 'sweeps', 'halted', 'unsyncable', 'removals', 'unnamed'] as const;
const statuses: readonly unknown[] = ['pending', 'approved', 'paused', 'retired'];

/**
 * The row with an empty value in the place of each that has not the type it should have; such a host is pending, unless it was retired.
 * The row itself where all is well.
 */
export function repairRow(row: HostRow): HostRow {
  const given = row as unknown as Record<string, unknown>;
  const wrong: Record<string, unknown> = {};
  if (!isId(row._id)) wrong['_id'] = String(row._id);
  for (const name of texts) if (typeof given[name] !== 'string') wrong[name] = '';
  for (const name of lists) if (!isListOfTexts(given[name])) wrong[name] = [];
  if (!Number.isInteger(row.sshPort)) wrong['sshPort'] = 0;
  if (typeof row.passive !== 'boolean') wrong['passive'] = false;
  if (!statuses.includes(row.status)) wrong['status'] = 'pending';
  const isForged = Object.keys(wrong).length > 0;
  // These are written by hosts while they work: no judgement on who the host is.
  for (const name of records) if (!isRecord(given[name]) && (given[name] !== undefined || name === 'lanes')) wrong[name] = {};
  if (row.setup !== undefined && !Array.isArray(row.setup)) wrong['setup'] = [];
  if (Object.keys(wrong).length === 0) return row;
  return { ...row, ...wrong, ...(isForged && row.status !== 'retired' && { status: 'pending' }) };
}

/** As `init` makes them: they become names of files and of fields. */
function isId(id: unknown): boolean {
  return typeof id === 'string' && /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id);
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
