import type { Request, RequestHandler, Response } from 'express';
import { answerHeaders } from './answer-headers.js';
import { SyncMediaError } from '../errors/errors.js';
import type { SyncMedia } from '../instance.js';
import { type Log, stderrLog } from '../log.js';
import { answerError } from './answer-error.js';
import { Gate, type Authorized } from './gate.js';
import { readBody } from './read-body.js';
import { nameAsker } from './name-asker.js';
import { refuseForeign } from './refuse-foreign.js';
import { Refusal } from './refusal.js';
import { findRoute, isOpen, type Answer } from './route.js';
import { routes } from './routes.js';

/** What `syncAdmin(options)` takes. Until it is given `authorize` or a token it refuses everyone. */
export interface AdminOptions {
  /**
   * Whether the request's sender may use the router: only `true` and `'approve'` let it pass. Asked where no right token was sent. Who may also let
   * pending hosts in is answered `'approve'`; for that it is asked with the token, too.
   */
  authorize?: ((request: Request) => Authorized | Promise<Authorized>) | undefined;
  /** At least 32 characters; sent as Bearer or as Basic's password. Default: SYNCMEDIA_ADMIN_TOKEN. */
  token?: string | undefined;
  /** Refuses everything that changes something. Default false. */
  readOnly?: boolean | undefined;
  /** Who asks, for the audit log; default: Basic's user name, as it was given. */
  nameOf?: ((request: Request) => string) | undefined;
  /** Default: one line each on stderr. */
  log?: Log | undefined;
}

const known = ['authorize', 'token', 'readOnly', 'nameOf', 'log'];

/**
 * The JSON router of an instance, to be mounted: `app.use('/sync-admin', createAdmin(sync, options))`. It depends on nothing
 * else the app mounts, and answers every request below its address itself.
 *
 * @throws SyncMediaError BAD_OPTION for an unknown option or a token that is too short
 */
export function createAdmin(sync: SyncMedia, options: AdminOptions = {}): RequestHandler {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new SyncMediaError('BAD_OPTION', `${name} is no option of the admin router; known are ${known.join(', ')}`);
    }
  }
  const log = options.log ?? stderrLog;
  const gate = new Gate(options, log);

  async function handle(request: Request, response: Response): Promise<void> {
    for (const [name, value] of Object.entries(answerHeaders)) response.setHeader(name, value);
    let sent: unknown;
    try {
      const [path = '', search = ''] = request.url.split('?', 2);
      // Who may not use the router is not told either what it knows: only what is open is looked for before.
      if (!isOpen(routes, request.method, path)) await gate.admit(request);
      const { route, params } = findRoute(routes, request.method, path);
      const requireApprover = (): Promise<void> => gate.requireApprover(request);
      sent = params;
      if (route.method !== 'GET') {
        refuseForeign(request.headers);
        if (options.readOnly === true) throw new Refusal(403, 'FORBIDDEN', 'This router only shows; changes are made on the command line.');
        const body = await readBody(request);
        sent = [params, body];
        write(request, response, await route.handle(sync.as(nameAsker(request, options.nameOf)), { params, query: {}, body, requireApprover }));
      } else {
        write(request, response, await route.handle(sync, { params, query: Object.fromEntries(new URLSearchParams(search)), body: {}, requireApprover }));
      }
    } catch (error) {
      const { status, headers, body } = answerError(error, sent, log);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      write(request, response, { status, body });
    }
  }

  // Rejections can only come from a response that is already gone; Express 4 would leave them unhandled.
  return (request, response) => {
    handle(request, response).catch((error: unknown) => { log.error(`admin answer not sent: ${String(error)}`); });
  };
}

/** By Node's own means: what the app has set for `res.json` or `res.send` (spaces, ETags) is for its own answers. */
function write(request: Request, response: Response, { status, body, location }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  if (location !== undefined) response.setHeader('Location', `${request.baseUrl}${location}`);
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  const text = JSON.stringify(body);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(request.method === 'HEAD' ? undefined : text);
}
