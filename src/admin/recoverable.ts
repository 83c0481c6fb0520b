import * as v from 'valibot';
import type { ConflictComparison, RecoverableFile, WaitingRemovals } from '../api/reports.js';
import type { RecoverableDecision } from '../api/requests.js';
import type { SyncMedia } from '../api/sync-media.js';
import { pictureTypes } from '../model/picture-type.js';
import type { Run } from '../model/run.js';
import { type AdminAnswer, type AdminRoute, get, post, type Requester } from './admin-route.js';
import { failureAnswer } from './answers/failure.js';
import { count, dateText, objectOf } from './answers/json.js';
import { comparisonAnswer, recoverableAnswer } from './answers/recoverable.js';
import { runAnswer } from './answers/run.js';
import { choiceField, countField, type FieldValues, integerField, textField } from './fields.js';
import { Refusal } from './refusal.js';

const hostField = { host: v.exactOptional(textField()) };
const recoverableFields = { dir: textField(4096), keptAs: textField(8192), ...hostField };
const sha256Field = textField(64);
const decisionFields = {
  ...recoverableFields,
  kept: v.exactOptional(sha256Field),
  current: v.exactOptional(v.nullable(sha256Field)),
};
const removalFields = {
  dir: textField(4096),
  ...hostField,
  count: v.exactOptional(integerField(0, Number.MAX_SAFE_INTEGER)),
};
const listQuery = { ...hostField, limit: v.exactOptional(countField(1, 1000)) };

const files = objectOf<{ files: RecoverableFile[] }>({ files: v.array(recoverableAnswer) });
/** 202 with a run: another host restores its file by itself. */
const restored = objectOf<{ restored?: string; run?: Run }>({
  restored: v.exactOptional(v.string()),
  run: v.exactOptional(runAnswer),
});

type ListedRemovals = Omit<WaitingRemovals, 'host'> & { readonly host: string };
type Decision = 'approved' | 'rejected';
const decided = objectOf<{ dir: string; decision: Decision }>({
  dir: v.string(),
  decision: v.picklist(['approved', 'rejected']),
});

async function decideRemovals(
  sync: SyncMedia,
  { dir, host, count: shown }: FieldValues<typeof removalFields>,
  decision: Decision,
): Promise<AdminAnswer> {
  await sync.removals.decide(dir, decision, host, shown);
  return { status: 200, body: { dir, decision } };
}

function readDecision(
  { host, kept, current }: FieldValues<typeof decisionFields>,
  { description: by }: Requester,
): RecoverableDecision {
  return {
    ...(host !== undefined && { host }),
    shown: {
      ...(kept !== undefined && { kept }),
      ...(current !== undefined && { current }),
    },
    by,
  };
}

function answerRestored(run: Run | undefined, keptAs: string): AdminAnswer {
  return run
    ? { status: 202, body: { run }, location: `/runs/${run.id}` }
    : { status: 200, body: { restored: keptAs } };
}

const useRoute = (path: string): AdminRoute =>
  post(path, {
    about: 'restore a conflict on every host',
    body: decisionFields,
    statuses: [200, 202],
    answer: restored,
    handle: async (sync, { body, requester }) =>
      answerRestored(
        await sync.conflicts.restore(body.dir, body.keptAs, readDecision(body, requester)),
        body.keptAs,
      ),
  });

const dropRoute = (path: string): AdminRoute =>
  post(path, {
    about: 'move a conflict to the trash',
    body: decisionFields,
    answer: objectOf<{ discarded: string }>({ discarded: v.string() }),
    handle: async (sync, { body, requester }) => {
      await sync.conflicts.discard(body.dir, body.keptAs, readDecision(body, requester));
      return { status: 200, body: { discarded: body.keptAs } };
    },
  });

export const recoverableRoutes: readonly AdminRoute[] = [
  get('/trash', {
    about: 'superseded versions and removed files on a host, by default on this one',
    query: listQuery,
    answer: files,
    handle: async (sync, { query }) => ({
      status: 200,
      body: { files: await sync.recoverable.list('trash', query) },
    }),
  }),
  get('/conflicts', {
    about: 'files that lost a conflict on a host, by default on this one',
    query: listQuery,
    answer: files,
    handle: async (sync, { query }) => ({
      status: 200,
      body: { files: await sync.conflicts.list(query) },
    }),
  }),
  get('/conflicts/compare', {
    about: 'one of them, compared with the file at its path on that host',
    query: recoverableFields,
    answer: objectOf<{ conflict: ConflictComparison }>({ conflict: comparisonAnswer }),
    handle: async (sync, { query: { dir, keptAs, host } }) => ({
      status: 200,
      body: { conflict: await sync.conflicts.compare(dir, keptAs, host) },
    }),
  }),
  get('/conflicts/content', {
    about: 'one of both files, if it is a picture of at most 10 MiB',
    query: { ...recoverableFields, side: choiceField('kept', 'current') },
    contentTypes: pictureTypes,
    errors: [415],
    handle: async (sync, { query: { dir, keptAs, side, host } }) => {
      const picture = await sync.conflicts.readPicture(dir, keptAs, side, host);
      if (!picture)
        throw new Refusal(
          415,
          'UNSUPPORTED_MEDIA_TYPE',
          'The file is no picture of a known kind, or larger than 10 MiB.',
        );
      return { status: 200, contentType: picture.type, body: picture.bytes };
    },
  }),
  ...['/conflicts/use', '/conflicts/restore'].map(useRoute),
  ...['/conflicts/drop', '/conflicts/discard'].map(dropRoute),
  post('/trash/restore', {
    about: 'restore a file of the trash on every host',
    body: decisionFields,
    statuses: [200, 202],
    answer: restored,
    handle: async (sync, { body, requester }) =>
      answerRestored(
        await sync.recoverable.restore(body.dir, body.keptAs, readDecision(body, requester)),
        body.keptAs,
      ),
  }),
  get('/removals', {
    about: 'removals that wait for a person',
    answer: objectOf<{ removals: ListedRemovals[] }>({
      removals: v.array(
        objectOf<ListedRemovals>({
          host: v.string(),
          dir: v.string(),
          failure: failureAnswer,
          count,
          share: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
          since: v.exactOptional(dateText),
          paths: v.array(v.string()),
        }),
      ),
    }),
    handle: async (sync) => ({
      status: 200,
      body: {
        removals: (await sync.removals.list()).map(({ host, ...removals }) => ({
          host: host.hostname,
          ...removals,
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
