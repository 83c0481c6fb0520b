import type { RequestHandler } from 'express';

/** Answers a load balancer: 200 or 503, and nothing else about this host. Mount it where the balancer asks. */
export function createSyncReady(isReady: () => Promise<boolean>): RequestHandler {
  return (_request, response, next) => {
    isReady().then((ready) => {
      response.statusCode = ready ? 200 : 503;
      response.setHeader('Cache-Control', 'no-store');
      response.setHeader('Content-Type', 'application/json; charset=utf-8');
      response.end(JSON.stringify({ status: ready ? 'ok' : 'unavailable' }));
    }, next);
  };
}
