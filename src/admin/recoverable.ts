import * as v from 'valibot';
import type { ConflictComparison, RecoverableFile } from '../api/reports.js';
import type { SyncMedia } from '../api/sync-media.js';
import type { Failure } from '../model/failure.js';
import { type AdminAnswer, type AdminRoute, get, post } from './admin-route.js';
import { failureAnswer } from './answers/failure.js';
import { objectOf } from './answers/json.js';
import { comparisonAnswer, recoverableAnswer } from './answers/recoverable.js';
import { type FieldValues, textField } from './fields.js';

const recoverableFields = { dir: textField(4096), keptAs: textField(8192) };
const removalFields = { dir: textField(4096), host: v.exactOptional(textField()) };

const files = objectOf<{ files: RecoverableFile[] }>({ files: v.array(recoverableAnswer) });
const restored = objectOf<{ restored: string }>({ restored: v.string() });

interface HaltedRemovals {
  readonly host: string;
  readonly dir: string;
  readonly failure: Failure;
}
type Decision = 'approved' | 'rejected';
const decided = objectOf<{ dir: string; decision: Decision }>({
  dir: v.string(),
  decision: v.picklist(['approved', 'rejected']),
});

async function decideRemovals(
  sync: SyncMedia,
  { dir, host }: FieldValues<typeof removalFields>,
  decision: Decision,
): Promise<AdminAnswer> {
  await sync.removals.decide(dir, decision, host);
  return { status: 200, body: { dir, decision } };
}

export const recoverableRoutes: readonly AdminRoute[] = [
  get('/trash', {
    about: 'superseded versions and removed files on this host',
    answer: files,
    handle: async (sync) => ({
      status: 200,
      body: { files: await sync.recoverable.list('trash') },
    }),
  }),
  get('/conflicts', {
    about: 'files of this host that lost a conflict',
    answer: files,
    handle: async (sync) => ({ status: 200, body: { files: await sync.conflicts.list() } }),
  }),
  get('/conflicts/compare', {
    about: 'one of them, compared with the file at its path here',
    query: recoverableFields,
    answer: objectOf<{ conflict: ConflictComparison }>({ conflict: comparisonAnswer }),
    handle: async (sync, { query: { dir, keptAs } }) => ({
      status: 200,
      body: { conflict: await sync.conflicts.compare(dir, keptAs) },
    }),
  }),
  post('/conflicts/restore', {
    about: 'restore one on every host',
    body: recoverableFields,
    answer: restored,
    handle: async (sync, { body: { dir, keptAs } }) => {
      await sync.conflicts.restore(dir, keptAs);
      return { status: 200, body: { restored: keptAs } };
    },
  }),
  post('/conflicts/discard', {
    about: 'move one to the trash',
    body: recoverableFields,
    answer: objectOf<{ discarded: string }>({ discarded: v.string() }),
    handle: async (sync, { body: { dir, keptAs } }) => {
      await sync.conflicts.discard(dir, keptAs);
      return { status: 200, body: { discarded: keptAs } };
    },
  }),
  post('/trash/restore', {
    about: 'restore a file of the trash on every host',
    body: recoverableFields,
    answer: restored,
    handle: async (sync, { body: { dir, keptAs } }) => {
      await sync.recoverable.restore(dir, keptAs);
      return { status: 200, body: { restored: keptAs } };
    },
  }),
  get('/removals', {
    about: 'removals that wait for a person',
    answer: objectOf<{ removals: HaltedRemovals[] }>({
      removals: v.array(
        objectOf<HaltedRemovals>({ host: v.string(), dir: v.string(), failure: failureAnswer }),
      ),
    }),
    handle: async (sync) => ({
      status: 200,
      body: {
        removals: (await sync.removals.list()).map(({ host, dir, failure }) => ({
          host: host.hostname,
          dir,
          failure,
        })),
      },
    }),
  }),
  post('/removals/approve', {
    about: 'let the removals of a sync dir go on',
    body: removalFields,
    answer: decided,
    handle: (sync, { body }) => decideRemovals(sync, body, 'approved'),
  }),
  post('/removals/reject', {
    about: 'drop the removals of a sync dir',
    body: removalFields,
    answer: decided,
    handle: (sync, { body }) => decideRemovals(sync, body, 'rejected'),
  }),
];
