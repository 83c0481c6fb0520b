import type { Request, RequestHandler, Response } from 'express';
import { answerHeaders } from './answer-headers.js';
import { SyncMediaError } from '../model/errors.js';
import type { SyncMedia } from '../api/sync-media.js';
import { type Log, stderrLog } from '../model/log.js';
import { createErrorAnswer } from './answer-error.js';
import { Authorizer, type Authorization } from './authorizer.js';
import { readBody } from './read-body.js';
import { describeRequester } from './describe-requester.js';
import { refuseCrossOrigin } from './refuse-cross-origin.js';
import { Refusal } from './refusal.js';
import { findRoute, isPublicRequest, type AdminAnswer } from './find-route.js';
import { routes } from './routes.js';

/**
 * The options of `syncAdmin(options)`. Without `authorize` or a token the router refuses
 * everyone.
 */
export interface AdminOptions {
  /**
   * Decides whether a request may use the router: only `true` and `'approve'` allow it. The
   * router calls it if the request has no valid token. `'approve'` also allows the approval of
   * pending hosts; for that the router calls it even if the token is valid.
   */
  authorize?: ((request: Request) => Authorization | Promise<Authorization>) | undefined;
  /**
   * At least 32 characters, sent as Bearer token or as the password of Basic. Default:
   * SYNCMEDIA_ADMIN_TOKEN.
   */
  token?: string | undefined;
  /** Refuses every request that changes something. Default false. */
  readOnly?: boolean | undefined;
  /** Names the requester for the audit log. Default: the user name of Basic, as it was sent. */
  nameOf?: ((request: Request) => string) | undefined;
  /** The log. Default: one line for each message on stderr. */
  log?: Log | undefined;
}

const knownAdminOptions = ['authorize', 'token', 'readOnly', 'nameOf', 'log'];

/**
 * Creates the JSON router of an instance, to be mounted:
 * `app.use('/sync-admin', createAdmin(sync, options))`. It depends on nothing else that the app
 * mounts, and answers every request below its address itself.
 *
 * @throws SyncMediaError BAD_OPTION for an unknown option or a token that is too short
 */
export function createAdmin(sync: SyncMedia, options: AdminOptions = {}): RequestHandler {
  for (const name of Object.keys(options)) {
    if (!knownAdminOptions.includes(name)) {
      throw new SyncMediaError(
        'BAD_OPTION',
        `${name} is no option of the admin router; known are ${knownAdminOptions.join(', ')}`,
      );
    }
  }
  const log = options.log ?? stderrLog;
  const authorizer = new Authorizer(options, log);

  async function handleRequest(request: Request, response: Response): Promise<void> {
    for (const [name, value] of Object.entries(answerHeaders)) response.setHeader(name, value);
    let sent: unknown;
    try {
      const [path = '', search = ''] = request.url.split('?', 2);
      // The check comes before the route, so that a refusal does not reveal which addresses
      // exist. Only open routes are found before it.
      if (!isPublicRequest(routes, request.method, path))
        await authorizer.requireAuthorized(request);
      const { route, params } = findRoute(routes, request.method, path);
      const requireApprover = (): Promise<void> => authorizer.requireApprover(request);
      sent = params;
      if (route.method !== 'GET') {
        refuseCrossOrigin(request.headers);
        if (options.readOnly === true)
          throw new Refusal(
            403,
            'FORBIDDEN',
            'This router is read-only; make changes on the command line.',
          );
        const body = await readBody(request);
        sent = [params, body];
        writeResponse(
          request,
          response,
          await route.handle(sync.as(describeRequester(request, options.nameOf)), {
            params,
            query: {},
            body,
            requireApprover,
          }),
        );
      } else {
        writeResponse(
          request,
          response,
          await route.handle(sync, {
            params,
            query: Object.fromEntries(new URLSearchParams(search)),
            body: {},
            requireApprover,
          }),
        );
      }
    } catch (error) {
      const { status, headers, body } = createErrorAnswer(error, sent, log);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      writeResponse(request, response, { status, body });
    }
  }

  // Only a response that is already gone can cause a rejection. Express 4 would leave it
  // unhandled.
  return (request, response) => {
    handleRequest(request, response).catch((error: unknown) => {
      log.error(`admin answer not sent: ${String(error)}`);
    });
  };
}

/**
 * Writes with Node's own methods: what the app has set for `res.json` or `res.send` (spaces,
 * ETags) does not apply to these answers.
 */
function writeResponse(
  request: Request,
  response: Response,
  { status, body, location }: AdminAnswer,
): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  if (location !== undefined) response.setHeader('Location', `${request.baseUrl}${location}`);
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  const text = JSON.stringify(body);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(request.method === 'HEAD' ? undefined : text);
}
