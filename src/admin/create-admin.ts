import type { RequestHandler } from 'express';
import type { SyncMedia } from '../api/sync-media.js';
import { Authorizer } from './authorizer.js';
import { getErrorMessage } from '../model/errors.js';
import { escapeMessages, type Log } from '../model/log.js';
import { createErrorAnswer } from './answer-error.js';
import { answerHeaders } from './answer-headers.js';
import { EventStreams } from './events/event-streams.js';
import { PageFiles, type PageAsset } from './page/page-files.js';
import { sendAnswer } from './send-answer.js';
import { type AdminOptions, resolveAdminOptions } from './admin-options.js';

/** Loads the files of the admin page. None: the router answers JSON only. */
type LoadPage = () => Promise<readonly PageAsset[]>;
const loadEmbeddedPage: LoadPage = async () => (await import('./page-assets.js')).assets;

/**
 * Creates the router of an instance, to be mounted:
 * `app.use('/sync-admin', createAdmin(sync, options))`. The router, and Express with it, is loaded
 * now, so that a process that mounts none, such as the command line, does without.
 *
 * @param streams end when the instance closes
 * @throws SyncMediaError BAD_OPTION for an unknown or malformed option, such as a token that is
 *   too short
 */
export function createAdmin(
  sync: SyncMedia,
  options: AdminOptions = {},
  streams = new EventStreams(() => sync.overview()),
  loadPage = loadEmbeddedPage,
): RequestHandler {
  const { authorize, token, log, ...others } = resolveAdminOptions(options);
  const rest = { ...others, log: escapeMessages(log) };
  const authorizer = new Authorizer({ authorize, token });
  // An application mounts it in its own tests, too, on machines without a host id.
  if (!authorize && token === undefined && sync.initialised)
    rest.log.warn(
      'the admin router refuses everyone: give it authorize(req), or set ' +
        'SYNCMEDIA_ADMIN_TOKEN (at least 32 characters)',
    );
  const loading = Promise.all([import('./router.js'), loadPage()])
    .then(([{ createRouter }, assets]) =>
      createRouter(sync, { ...rest, authorizer, streams, page: new PageFiles(assets) }),
    )
    .catch((error: unknown) => createFailedRouter(error, rest.log));
  loading.catch(() => undefined); // The log has thrown.
  return (request, response, next) => {
    loading
      .then((router) => router(request, response, next))
      .catch(() => {
        response.destroy();
      });
  };
}

/** Logs the error once, and answers every request with the reference to that line. */
function createFailedRouter(error: unknown, log: Log): RequestHandler {
  const message = `the admin router cannot be loaded: ${getErrorMessage(error)}`;
  const answer = createErrorAnswer(new Error(message, { cause: error }), undefined, log);
  return (request, response) => {
    for (const [name, value] of Object.entries(answerHeaders)) response.setHeader(name, value);
    sendAnswer(request, response, answer);
  };
}
