import * as v from 'valibot';
import { formatRunCursor } from '../api/run-cursor.js';
import type { Run } from '../model/run.js';
import { type AdminAnswer, type AdminRoute, get, post } from './admin-route.js';
import { objectOf } from './answers/json.js';
import { runAnswer } from './answers/run.js';
import { booleanField, choiceField, countField, listField, textField } from './fields.js';

/** How many runs a list shows by default, and at most. */
const defaultListed = 50;
const maxListed = 1000;

const scopeFields = {
  at: v.exactOptional(textField()),
  hosts: v.exactOptional(listField(textField())),
  dirs: v.exactOptional(listField(textField(4096))),
};
const runFields = { ...scopeFields, dryRun: v.exactOptional(booleanField) };

const oneRun = objectOf<{ run: Run }>({ run: runAnswer });
/** 202: the run is stored, and the leader of its host carries it out. */
const accepted = { statuses: [202], answer: oneRun };
const answerAccepted = (run: Run): AdminAnswer => ({
  status: 202,
  body: { run },
  location: `/runs/${run.id}`,
});

export const runRoutes: readonly AdminRoute[] = [
  post('/push', {
    about: 'request a push',
    body: runFields,
    ...accepted,
    handle: async (sync, { body, requester: { description: by } }) =>
      answerAccepted(await sync.push({ ...body, by })),
  }),
  post('/pull', {
    about: 'request a pull',
    body: runFields,
    ...accepted,
    handle: async (sync, { body, requester: { description: by } }) =>
      answerAccepted(await sync.pull({ ...body, by })),
  }),
  post('/verify', {
    about: 'request a verification, with repair if wanted',
    body: { ...scopeFields, repair: v.exactOptional(booleanField) },
    ...accepted,
    handle: async (sync, { body, requester: { description: by } }) =>
      answerAccepted(await sync.verify({ ...body, by })),
  }),
  post('/adopt', {
    about: 'request an adoption; a dry run unless dryRun is false',
    body: runFields,
    ...accepted,
    handle: async (sync, { body, requester: { description: by } }) =>
      answerAccepted(await sync.adopt({ ...body, by })),
  }),
  get('/runs', {
    about: 'the newest runs',
    query: {
      state: v.exactOptional(choiceField('requested', 'running', 'done', 'failed', 'cancelled')),
      host: v.exactOptional(textField()),
      after: v.exactOptional(textField()),
      limit: v.exactOptional(countField(1, maxListed)),
    },
    answer: objectOf<{ runs: Run[]; next?: string }>({
      runs: v.array(runAnswer),
      next: v.exactOptional(v.string()),
    }),
    handle: async (sync, { query: { limit = defaultListed, ...query } }) => {
      const runs = await sync.runs.list({ ...query, limit }),
        last = runs.at(-1);
      return {
        status: 200,
        body: { runs, ...(last && runs.length === limit && { next: formatRunCursor(last) }) },
      };
    },
  }),
  get('/runs/:id', {
    about: 'one run, with its progress',
    answer: oneRun,
    handle: async (sync, { params }) => ({
      status: 200,
      body: { run: await sync.runs.show(params.id) },
    }),
  }),
  post('/runs/:id/cancel', {
    about: 'cancel a run',
    statuses: [202],
    answer: oneRun,
    handle: async (sync, { params }) => ({
      status: 202,
      body: { run: await sync.runs.cancel(params.id) },
    }),
  }),
];
