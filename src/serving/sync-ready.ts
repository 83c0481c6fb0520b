import type { RequestHandler } from 'express';

/**
 * Answers a load balancer's health check with 200 or 503, and reveals nothing else about this
 * host. Mount it at the address that the balancer requests.
 */
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
