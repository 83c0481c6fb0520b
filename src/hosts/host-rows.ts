import { matchReadValue, isDuplicateKey } from '../util/collections.js';
import { pickTrusted, type TrustedFields } from '../decisions/trusted.js';
import { SyncMediaError } from '../model/errors.js';
import type { Host, HostId } from '../model/host.js';
import {
  createHostModel,
  getHostCollection,
  validateHostRow,
  type HostRow,
  type HostCollection,
} from './host-model.js';
import type { HostsDeps } from './deps.js';

/**
 * The described part of a row. Other fields are not written back, since other processes may have
 * changed them meanwhile.
 */
export type RegisteredFields = Omit<TrustedFields, 'id' | 'passive' | 'status'> &
  Pick<HostRow, 'backend'>;
export type HostUpdate = Partial<RegisteredFields & Pick<HostRow, 'passive' | 'status' | 'paused'>>;

type RowsDeps = Pick<HostsDeps, 'connection' | 'config' | 'seals'>;

const MAX_UPDATE_TRIES = 5;

export function pickHostCollection({
  connection,
  config,
}: Pick<HostsDeps, 'connection' | 'config'>): HostCollection {
  return getHostCollection(connection, config.collectionPrefix);
}

/** Lists all hosts, retired ones too, by name, with their seals verified. */
export async function listHosts(deps: RowsDeps): Promise<Host[]> {
  return (await pickHostCollection(deps).find().sort({ hostname: 1 }).toArray()).map((row) =>
    deps.seals.readHost(row),
  );
}

/** Reads one host, with its seal verified. */
export async function findHost(deps: RowsDeps, id: HostId): Promise<Host | undefined> {
  const row = await pickHostCollection(deps).findOne({ _id: id });
  return row ? deps.seals.readHost(row) : undefined;
}

/**
 * @throws HOST_EXISTS; BAD_ENVIRONMENT if other rows are sealed and this process has no secret
 */
export async function insertHost(
  deps: RowsDeps,
  id: HostId,
  fields: RegisteredFields & Pick<Host, 'passive' | 'status'> & { readyAt?: Date },
): Promise<Host> {
  const rows = pickHostCollection(deps);
  deps.seals.requireSecret((await rows.findOne({ seal: { $exists: true } })) !== null);
  const now = new Date();
  const seal = deps.seals.sealHost({ ...fields, id });
  const row: HostRow = {
    _id: id,
    ...fields,
    deliveries: {},
    rescans: {},
    received: 0,
    halted: {},
    createdAt: now,
    updatedAt: now,
    ...(seal !== undefined && { seal }),
  };
  await validateHostRow(createHostModel(deps.connection, deps.config.collectionPrefix), row);
  await explainDuplicate(rows, id, fields, () => rows.insertOne(row));
  return deps.seals.readHost(row);
}

/**
 * Changes trusted fields of a host and seals the row anew.
 *
 * The seal covers the host as `Seals.read` returned it: a row that was forged stays pending
 * unless `change` approves it. If the row changes between read and write, the row is read and
 * `change` called again.
 *
 * @param change computes the new fields from the verified host; may throw to leave the row
 *   unchanged
 * @returns undefined if the host is not registered, or retired
 * @throws HOST_EXISTS; BAD_ENVIRONMENT if the row is sealed and this process has no secret
 */
export async function updateHost(
  deps: RowsDeps,
  id: HostId,
  change: (now: Host) => HostUpdate,
): Promise<Host | undefined> {
  const rows = pickHostCollection(deps);
  for (let tries = 0; tries < MAX_UPDATE_TRIES; tries++) {
    const row = await rows.findOne({ _id: id, status: { $ne: 'retired' } });
    if (!row) return undefined;
    deps.seals.requireSecret(row.seal !== undefined);
    const now = deps.seals.readHost(row);
    const changed = change(now);
    const { id: _, ...trusted } = pickTrusted({ ...now, ...changed });
    const seal = deps.seals.sealHost({ ...trusted, id });
    // Write every sealed field together with the seal, so that no unseen value is ever sealed.
    const set = {
      ...changed,
      ...(seal !== undefined && { ...trusted, seal }),
      updatedAt: new Date(),
    };
    // The change was computed from the trusted fields, so the write requires that they are
    // unchanged.
    const decisive = [...(Object.keys(trusted) as (keyof typeof trusted)[]), 'seal' as const];
    const written = await explainDuplicate(rows, id, changed, () =>
      rows.findOneAndUpdate(
        {
          _id: id,
          ...Object.fromEntries(decisive.map((name) => [name, matchReadValue(row[name])])),
        },
        // A pause ends with any other status.
        { $set: set, ...(changed.status && !changed.paused && { $unset: { paused: '' } }) },
        { returnDocument: 'after', includeResultMetadata: false },
      ),
    );
    if (written) return deps.seals.readHost(written);
  }
  throw new SyncMediaError(
    'TIMED_OUT',
    `the host ${id} kept being changed by other processes: try again`,
  );
}

/** Turns a duplicate key error into HOST_EXISTS, naming the host in conflict. */
async function explainDuplicate<T>(
  rows: HostCollection,
  id: HostId,
  wanted: HostUpdate,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    const mine = await rows.findOne({ _id: id });
    const { hostname, url, sshPort } = { ...mine, ...wanted };
    const [byName, byUrl] = await Promise.all([
      rows.findOne({ hostname: hostname ?? '', _id: { $ne: id } }),
      rows.findOne({ url: url ?? '', sshPort: sshPort ?? 0, _id: { $ne: id } }),
    ]);
    const what = byName
      ? `the hostname ${JSON.stringify(hostname)} is that of the host ${byName._id}`
      : byUrl
        ? `${String(url)} port ${String(sshPort)} is where the host ${byUrl.hostname} is reached`
        : 'another host has that name, or that url and port';
    throw new SyncMediaError(
      'HOST_EXISTS',
      `${what}: give another, or unregister that host first. If this machine was that host and ` +
        `lost its state folder, run \`syncmedia init --replace\``,
      { cause: error },
    );
  }
}
