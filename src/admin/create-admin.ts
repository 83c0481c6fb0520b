import type { RequestHandler } from 'express';
import type { SyncMedia } from '../api/sync-media.js';
import { Authorizer } from './authorizer.js';
import { escapeMessages } from '../model/log.js';
import { type AdminOptions, resolveAdminOptions } from './admin-options.js';

/**
 * Creates the JSON router of an instance, to be mounted:
 * `app.use('/sync-admin', createAdmin(sync, options))`. The router, and Express with it, is loaded
 * now, so that a process that mounts none, such as the command line, does without.
 *
 * @throws SyncMediaError BAD_OPTION for an unknown or malformed option, such as a token that is
 *   too short
 */
export function createAdmin(sync: SyncMedia, options: AdminOptions = {}): RequestHandler {
  const { authorize, token, log, ...others } = resolveAdminOptions(options);
  const rest = { ...others, log: escapeMessages(log) };
  const authorizer = new Authorizer({ authorize, token }, rest.log);
  const loading = import('./router.js').then(({ createRouter }) =>
    createRouter(sync, authorizer, rest),
  );
  // Each request reports the error.
  loading.catch(() => undefined);
  return (request, response, next) => {
    loading.then((router) => router(request, response, next)).catch(next);
  };
}
