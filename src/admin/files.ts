import { type AdminRoute, get } from './admin-route.js';
import { documentAnswer } from './answers/file.js';
import { textField } from './fields.js';

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
    about: 'one file: which hosts have it, which lack it, and why',
    query: { path: textField(4096) },
    answer: documentAnswer,
    handle: async (sync, { query }) => ({ status: 200, body: await sync.statusOf(query.path) }),
  }),
];
