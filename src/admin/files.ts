import * as v from 'valibot';
import type { ModelDescription } from '../api/reports.js';
import type { DocumentRef } from '../model/capture.js';
import { type AdminRoute, get, post } from './admin-route.js';
import { documentAnswer, filePage, modelAnswer } from './answers/file.js';
import { count, objectOf } from './answers/json.js';
import { choiceField, countField, textField } from './fields.js';
import { Refusal } from './refusal.js';

export const fileRoutes: readonly AdminRoute[] = [
  get('/documents/:model/:id', {
    about: 'the files of one document: which hosts hold them, for which they are pending',
    answer: documentAnswer,
    handle: async (sync, { params }) => ({
      status: 200,
      body: await sync.showDocument(params.model, params.id),
    }),
  }),
  get('/files', {
    about:
      'where files are, and why not everywhere: by path, document or url, or by contains, ' +
      'pendingOn, blockedOn and missing',
    query: {
      path: v.exactOptional(textField(4096)),
      document: v.exactOptional(textField(1024)),
      url: v.exactOptional(textField(8192)),
      contains: v.exactOptional(textField(1000)),
      pendingOn: v.exactOptional(textField()),
      blockedOn: v.exactOptional(textField()),
      missing: v.exactOptional(choiceField('true', 'false')),
      after: v.exactOptional(textField(4096)),
      limit: v.exactOptional(countField(1, 200)),
    },
    answer: filePage,
    handle: async (sync, { query: { document, missing, ...query } }) => ({
      status: 200,
      body: await sync.files.find({
        ...query,
        ...(document !== undefined && { document: readDocumentRef(document) }),
        ...(missing === 'true' && { missing: true }),
      }),
    }),
  }),
  post('/files/retry', {
    about: 'try the deliveries of a path, or those to a host, again now',
    body: { path: v.exactOptional(textField(4096)), host: v.exactOptional(textField()) },
    statuses: [202],
    answer: objectOf<{ retried: number }>({ retried: count }),
    handle: async (sync, { body }) => ({ status: 202, body: await sync.files.retry(body) }),
  }),
  get('/models', {
    about: 'the models that name files, with their sync dirs',
    answer: objectOf<{ models: ModelDescription[] }>({ models: v.array(modelAnswer) }),
    handle: async (sync) => ({ status: 200, body: { models: await sync.models() } }),
  }),
];

/** Reads `MODEL/ID`. An id may hold slashes, the name of a model holds none. */
function readDocumentRef(text: string): DocumentRef {
  const [, model, id] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  if (model === undefined || id === undefined)
    throw new Refusal(400, 'BAD_REQUEST', 'document must be MODEL/ID, such as Photo/65f0….');
  return { model, id };
}
