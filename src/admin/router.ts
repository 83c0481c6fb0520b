import {
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
  Router,
} from 'express';
import { answerHeaders } from './answer-headers.js';
import type { SyncMedia } from '../api/sync-media.js';
import type { resolveAdminOptions } from './admin-options.js';
import { createErrorAnswer } from './answer-error.js';
import type { Authorizer } from './authorizer.js';
import { readBody } from './read-body.js';
import { readRequest } from './read-request.js';
import { describeRequester } from './describe-requester.js';
import { refuseCrossOrigin } from './refuse-cross-origin.js';
import { Refusal } from './refusal.js';
import type { AdminRoute, Requester } from './admin-route.js';
import type { EventStreams } from './events/event-streams.js';
import type { PageFiles } from './page/page-files.js';
import { redirectToSlash } from './page/redirect-to-slash.js';
import { routes } from './routes.js';
import { sendAnswer } from './send-answer.js';
import type { Session } from './session/session-seal.js';

interface RouterParts extends Omit<ReturnType<typeof resolveAdminOptions>, 'authorize' | 'token'> {
  readonly authorizer: Authorizer;
  readonly streams: EventStreams;
  readonly page: PageFiles;
}

/**
 * Creates the router of an instance. It depends on nothing else that the app mounts, and answers
 * every request below its address itself.
 */
export function createRouter(
  sync: SyncMedia,
  { authorizer, streams, page, log, nameOf, readOnly }: RouterParts,
): RequestHandler {
  const router = Router({ caseSensitive: true, strict: true, mergeParams: true });
  const allowed = new WeakMap<Request, Set<string>>();
  const mountParams = new WeakMap<Request, Request['params']>();
  const sessions = new WeakMap<Request, Session>();

  function addRoute(route: AdminRoute): void {
    const verb = route.method.toLowerCase() as Lowercase<AdminRoute['method']>;
    router[verb](route.path, (request, response) => {
      const { params } = request;
      respond(route, request, response).catch((error: unknown) => {
        sendError(error, request, response, [params, request.body]);
      });
    });
  }

  async function respond(route: AdminRoute, request: Request, response: Response): Promise<void> {
    const params = request.params as Record<string, string>;
    // The options' functions see the parameters of the mount. Those of the route, which the
    // requester chooses, may have the same names.
    request.params = mountParams.get(request) ?? {};
    const isSent = route.method !== 'GET';
    const isChange = isSent && !route.changesNothing;
    if (isSent) refuseCrossOrigin(request.headers);
    if (isChange && readOnly)
      throw new Refusal(
        403,
        'FORBIDDEN',
        'This router is read-only; make changes on the command line.',
      );
    if (route.approverOnly) await authorizer.requireApprover(request);
    // `request.query` depends on a setting of the app.
    const query = isSent
      ? {}
      : Object.fromEntries(new URLSearchParams(request.url.replace(/^[^?]*/, '')));
    const body = isSent ? await readBody(request, response) : {};
    const session = sessions.get(request);
    const given = {
      ...readRequest(route, { params, query, body }),
      headers: request.headers,
      requester: describeAccess(request, session),
      readOnly,
      page,
      streams,
    };
    const asker = isChange ? sync.as(given.requester.description) : sync;
    sendAnswer(request, response, await route.handle(asker, given));
  }

  function describeAccess(request: Request, session: Session | undefined): Requester {
    return {
      description: describeRequester(request, nameOf, session),
      session,
      requireAuthorized: () => authorizer.requireAuthorized(request),
      mayApprove: () => authorizer.mayApprove(request),
      cookieName: authorizer.cookieName,
      signIn: (token, name) => authorizer.signIn(token, name),
    };
  }

  function sendError(error: unknown, request: Request, response: Response, sent?: unknown): void {
    try {
      sendAnswer(request, response, createErrorAnswer(error, sent, log));
    } catch {
      // The log has thrown. Nobody is left to tell.
      response.destroy();
    }
  }

  router.use((request, response, next) => {
    mountParams.set(request, request.params);
    for (const [name, value] of Object.entries(answerHeaders)) response.setHeader(name, value);
    for (const name of response.getHeaderNames())
      if (isForbidden(name)) response.removeHeader(name);
    next();
  });
  router.get('/', (request, response, next) => {
    response.setHeader('Vary', 'Accept');
    if (page.shell && request.accepts(['json', 'html']) === 'html')
      sendAnswer(request, response, redirectToSlash(request.originalUrl) ?? page.shell);
    else next();
  });
  routes.filter(({ isPublic }) => isPublic).forEach(addRoute);
  // The check comes before all other routes, so that a refusal does not reveal which addresses
  // exist. Its error must not reach `next`, which takes `undefined` and 'route' for a success.
  router.use((request, response, next) => {
    authorizer.requireAuthorized(request).then(
      (session) => {
        if (session) sessions.set(request, session);
        next();
      },
      (error: unknown) => {
        sendError(error, request, response);
      },
    );
  });
  routes.filter(({ isPublic }) => !isPublic).forEach(addRoute);
  for (const { method, path } of routes) {
    router.all(path, (request, _response, next) => {
      allowed.set(request, (allowed.get(request) ?? new Set()).add(method));
      next();
    });
  }
  router.use((request, response) => {
    sendError(refuseAddress(allowed.get(request)), request, response);
  });
  // Express itself reports here that an address does not decode.
  const answerExpressError: ErrorRequestHandler = (error, request, response, _next) => {
    const isMalformed = error instanceof URIError;
    sendError(
      isMalformed
        ? new Refusal(400, 'BAD_REQUEST', 'The address is not well-formed.')
        : (error as unknown),
      request,
      response,
    );
  };
  router.use(answerExpressError);
  return router;
}

/**
 * Headers of the app that do not fit the answers: a policy that only reports would report the
 * page, and CORS would show an answer to scripts of other sites.
 */
function isForbidden(header: string): boolean {
  return header === 'content-security-policy-report-only' || header.startsWith('access-control-');
}

function refuseAddress(allowed: ReadonlySet<string> | undefined): Refusal {
  if (!allowed) return new Refusal(404, 'NOT_FOUND', 'There is nothing at this address.');
  const methods = [...allowed].join(', ');
  return new Refusal(405, 'METHOD_NOT_ALLOWED', `This address supports ${methods}.`, {
    Allow: methods,
  });
}
