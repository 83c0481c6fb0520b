import { isDuplicateKey } from '../database.js';
import { SyncMediaError } from '../errors/errors.js';
import type { Host, HostId } from '../words.js';
import { createHostModel, hostRows, toHost, validateRow, type HostRow, type HostRows } from './host-model.js';
import type { HostsDeps } from './deps.js';

/** What of a row other processes may change meanwhile is not written back with it. */
export type Described = Pick<HostRow, 'hostname' | 'url' | 'sshPort' | 'username' | 'publicKey' | 'hostKeys' | 'rootPath' | 'syncDirs' | 'backend'>;

export function rowsOf({ connection, config }: Pick<HostsDeps, 'connection' | 'config'>): HostRows {
  return hostRows(connection, config.collectionPrefix);
}

/** All hosts, retired ones too, by name. */
export async function listHosts(rows: HostRows): Promise<Host[]> {
  return (await rows.find().sort({ hostname: 1 }).toArray()).map(toHost);
}

/** @throws HOST_EXISTS */
export async function insertHost(
  deps: Pick<HostsDeps, 'connection' | 'config'>, id: HostId, fields: Described & Pick<Host, 'passive' | 'status'> & { readyAt?: Date },
): Promise<Host> {
  const now = new Date();
  const row: HostRow = { _id: id, ...fields, lanes: {}, sweeps: {}, landed: 0, halted: {}, createdAt: now, updatedAt: now };
  await validateRow(createHostModel(deps.connection, deps.config.collectionPrefix), row);
  const rows = rowsOf(deps);
  await naming(rows, id, fields, () => rows.insertOne(row));
  return toHost(row);
}

/** Undefined where no such host is registered (any more). @throws HOST_EXISTS */
export async function updateHost(rows: HostRows, id: HostId, fields: Partial<Described & Pick<Host, 'status'>>): Promise<Host | undefined> {
  const row = await naming(rows, id, fields, () => rows.findOneAndUpdate(
    { _id: id, status: { $ne: 'retired' } }, { $set: { ...fields, updatedAt: new Date() } }, { returnDocument: 'after', includeResultMetadata: false },
  ));
  return row ? toHost(row) : undefined;
}

/** Says which host is in the way where a unique index refused. */
async function naming<T>(rows: HostRows, id: HostId, wanted: Partial<Described>, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    const mine = await rows.findOne({ _id: id });
    const { hostname, url, sshPort } = { ...mine, ...wanted };
    const [byName, byUrl] = await Promise.all([rows.findOne({ hostname: hostname ?? '', _id: { $ne: id } }), rows.findOne({ url: url ?? '', sshPort: sshPort ?? 0, _id: { $ne: id } })]);
    const what = byName ? `the hostname ${JSON.stringify(hostname)} is that of the host ${byName._id}`
      : byUrl ? `${String(url)} port ${String(sshPort)} is where the host ${byUrl.hostname} is reached` : 'another host has that name, or that url and port';
    throw new SyncMediaError('HOST_EXISTS', `${what}: give another, or unregister that host first`, { cause: error });
  }
}
