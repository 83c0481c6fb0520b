import type { mongo } from 'mongoose';
import type { Host } from '../model/host.js';
import type { DatabaseMeta } from '../database/database-id.js';
import type { HostCollection } from './host-model.js';

/**
 * Makes the very first host ready at once, because no other host has files that it could lack. Of
 * hosts that register at the same time one becomes the first. If all ready hosts are retired, the
 * next host to register becomes the first.
 *
 * @returns the host with its new state
 */
export async function claimFirstHost(
  rows: HostCollection,
  meta: mongo.Collection<DatabaseMeta>,
  host: Host,
): Promise<Host> {
  if (host.readyAt) return host;
  if (
    await rows.findOne({
      _id: { $ne: host.id },
      passive: false,
      status: { $ne: 'retired' },
      readyAt: { $exists: true },
    })
  )
    return host;
  const first = (await meta.findOne({ _id: 'syncmedia' }, { projection: { firstHost: 1 } }))
    ?.firstHost;
  const rival =
    first === undefined || first === host.id
      ? null
      : await rows.findOne({ _id: { $eq: first }, status: { $ne: 'retired' } });
  // The other host has just claimed to be the first and is about to store `readyAt`.
  if (rival) return host;
  const claimed = await meta.updateOne(
    { _id: 'syncmedia', firstHost: first ?? { $exists: false } },
    { $set: { firstHost: host.id } },
  );
  if (claimed.matchedCount === 0) return host;
  const row = await rows.findOneAndUpdate(
    { _id: host.id },
    { $set: { readyAt: new Date() } },
    { returnDocument: 'after', includeResultMetadata: false },
  );
  return row?.readyAt ? { ...host, readyAt: row.readyAt } : host;
}
