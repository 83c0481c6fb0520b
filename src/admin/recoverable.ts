import type { SyncMedia } from '../api/sync-media.js';
import { readFields, requireFields, textField } from './fields.js';
import type { AdminAnswer, AdminRequest } from './admin-route.js';

export async function listTrash(sync: SyncMedia): Promise<AdminAnswer> {
  return { status: 200, body: { files: await sync.recoverable.list('trash') } };
}

export async function listConflicts(sync: SyncMedia): Promise<AdminAnswer> {
  return { status: 200, body: { files: await sync.conflicts.list() } };
}

export async function compareConflict(
  sync: SyncMedia,
  { query }: AdminRequest,
): Promise<AdminAnswer> {
  const { dir, keptAs } = readRecoverableFields(query);
  return { status: 200, body: { conflict: await sync.conflicts.compare(dir, keptAs) } };
}

export async function restoreConflict(
  sync: SyncMedia,
  { body }: AdminRequest,
): Promise<AdminAnswer> {
  const { dir, keptAs } = readRecoverableFields(body);
  await sync.conflicts.restore(dir, keptAs);
  return { status: 200, body: { restored: keptAs } };
}

export async function discardConflict(
  sync: SyncMedia,
  { body }: AdminRequest,
): Promise<AdminAnswer> {
  const { dir, keptAs } = readRecoverableFields(body);
  await sync.conflicts.discard(dir, keptAs);
  return { status: 200, body: { discarded: keptAs } };
}

export async function restoreTrash(sync: SyncMedia, { body }: AdminRequest): Promise<AdminAnswer> {
  const { dir, keptAs } = readRecoverableFields(body);
  await sync.recoverable.restore(dir, keptAs);
  return { status: 200, body: { restored: keptAs } };
}

function readRecoverableFields(given: unknown): { dir: string; keptAs: string } {
  return requireFields(
    readFields(given, { dir: textField(4096), keptAs: textField(8192) }),
    'dir',
    'keptAs',
  );
}

export async function listRemovals(sync: SyncMedia): Promise<AdminAnswer> {
  const waiting = await sync.removals.list();
  return {
    status: 200,
    body: {
      removals: waiting.map(({ host, dir, failure }) => ({ host: host.hostname, dir, failure })),
    },
  };
}

export const approveRemovals = (sync: SyncMedia, request: AdminRequest): Promise<AdminAnswer> =>
  decideRemovals(sync, request, 'approved');
export const rejectRemovals = (sync: SyncMedia, request: AdminRequest): Promise<AdminAnswer> =>
  decideRemovals(sync, request, 'rejected');

async function decideRemovals(
  sync: SyncMedia,
  { body }: AdminRequest,
  decision: 'approved' | 'rejected',
): Promise<AdminAnswer> {
  const { dir, host } = requireFields(
    readFields(body, { dir: textField(4096), host: textField() }),
    'dir',
  );
  await sync.removals.decide(dir, decision, host);
  return { status: 200, body: { dir, decision } };
}
