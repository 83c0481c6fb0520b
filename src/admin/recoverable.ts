import type { SyncMedia } from '../api/sync-media.js';
import { readFields, requireFields, text } from './fields.js';
import type { Answer, Asked } from './find-route.js';

export async function listTrash(sync: SyncMedia): Promise<Answer> {
  return { status: 200, body: { files: await sync.kept.list('trash') } };
}

export async function listConflicts(sync: SyncMedia): Promise<Answer> {
  return { status: 200, body: { files: await sync.conflicts.list() } };
}

export async function compareConflict(sync: SyncMedia, { query }: Asked): Promise<Answer> {
  const { dir, keptAs } = readKept(query);
  return { status: 200, body: { conflict: await sync.conflicts.compare(dir, keptAs) } };
}

export async function restoreConflict(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  const { dir, keptAs } = readKept(body);
  await sync.conflicts.restore(dir, keptAs);
  return { status: 200, body: { restored: keptAs } };
}

export async function discardConflict(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  const { dir, keptAs } = readKept(body);
  await sync.conflicts.discard(dir, keptAs);
  return { status: 200, body: { discarded: keptAs } };
}

export async function restoreKept(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  const { dir, keptAs } = readKept(body);
  await sync.kept.restore(dir, keptAs);
  return { status: 200, body: { restored: keptAs } };
}

function readKept(given: unknown): { dir: string; keptAs: string } {
  return requireFields(readFields(given, { dir: text(4096), keptAs: text(8192) }), 'dir', 'keptAs');
}

export async function listRemovals(sync: SyncMedia): Promise<Answer> {
  const waiting = await sync.removals.list();
  return {
    status: 200,
    body: {
      removals: waiting.map(({ host, dir, failure }) => ({ host: host.hostname, dir, failure })),
    },
  };
}

export const approveRemovals = (sync: SyncMedia, asked: Asked): Promise<Answer> =>
  decide(sync, asked, 'approved');
export const rejectRemovals = (sync: SyncMedia, asked: Asked): Promise<Answer> =>
  decide(sync, asked, 'rejected');

async function decide(
  sync: SyncMedia,
  { body }: Asked,
  decision: 'approved' | 'rejected',
): Promise<Answer> {
  const { dir, host } = requireFields(readFields(body, { dir: text(4096), host: text() }), 'dir');
  await sync.removals.decide(dir, decision, host);
  return { status: 200, body: { dir, decision } };
}
