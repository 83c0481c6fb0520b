import * as v from 'valibot';
import { type AdminRoute, get } from '../admin-route.js';
import { overviewAnswer } from '../answers/overview.js';
import { textField } from '../fields.js';
import { refuseOtherOrigins } from '../refuse-cross-origin.js';

/** Neither a cache, nor compression, nor a proxy may hold events back. */
const eventHeaders = {
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};

export const eventRoutes: readonly AdminRoute[] = [
  get('/overview', {
    about: 'the whole site: hosts with state, cause and remedy, what needs a person, runs',
    answer: overviewAnswer,
    handle: async (sync) => ({ status: 200, body: await sync.overview() }),
  }),
  get('/events', {
    about: 'the overview and its changes as server-sent events, and the status of a file',
    query: { path: v.exactOptional(textField(4096)) },
    contentTypes: ['text/event-stream'],
    handle: async (sync, { query: { path }, headers, requester, streams }) => {
      // A page of another origin could read nothing, and take up all streams.
      refuseOtherOrigins(headers);
      await streams.requireReady();
      // As `GET /files` finds it: the file may lie in a sync dir that only other hosts open.
      const readFile = path === undefined ? undefined : () => sync.files.find({ path });
      await readFile?.();
      const lastEventId = headers['last-event-id']?.toString();
      const { session, requireAuthorized } = requester;
      return {
        status: 200,
        contentType: 'text/event-stream',
        headers: eventHeaders,
        write: (response) =>
          streams.serve(response, { lastEventId, session, requireAuthorized, readFile }),
      };
    },
  }),
];
