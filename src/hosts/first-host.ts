import type { mongo } from 'mongoose';
import type { Host } from '../words.js';
import type { Meta } from './database-id.js';
import type { HostRows } from './host-model.js';

/**
 * The very first host is ready at once: its disk is all there is. Of hosts registered at the same time one is the first; when all
 * that were ready are retired, the next one is.
 *
 * @returns the host as it is then
 */
export async function claimFirst(rows: HostRows, meta: mongo.Collection<Meta>, host: Host): Promise<Host> {
  if (host.readyAt) return host;
  if (await rows.findOne({ _id: { $ne: host.id }, passive: false, status: { $ne: 'retired' }, readyAt: { $exists: true } })) return host;
  const first = (await meta.findOne({ _id: 'syncmedia' }, { projection: { firstHost: 1 } }))?.firstHost;
  const rival = first === undefined || first === host.id ? null : await rows.findOne({ _id: { $eq: first }, status: { $ne: 'retired' } });
  // It was first a moment ago, and is about to say so.
  if (rival) return host;
  const claimed = await meta.updateOne({ _id: 'syncmedia', firstHost: first ?? { $exists: false } }, { $set: { firstHost: host.id } });
  if (claimed.matchedCount === 0) return host;
  const row = await rows.findOneAndUpdate({ _id: host.id }, { $set: { readyAt: new Date() } }, { returnDocument: 'after', includeResultMetadata: false });
  return row?.readyAt ? { ...host, readyAt: row.readyAt } : host;
}
