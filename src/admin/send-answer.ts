import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminAnswer } from './admin-route.js';

/**
 * Writes with Node's own methods: what the app has set for `res.json` or `res.send` (spaces,
 * ETags) does not apply to these answers.
 */
export function sendAnswer(
  request: Pick<IncomingMessage, 'method' | 'url'>,
  response: ServerResponse,
  { status, body, contentType, location, headers = {}, write }: AdminAnswer,
): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (location !== undefined)
    response.setHeader('Location', `${leadToRouter(request.url)}${location.slice(1)}`);
  if (body === undefined && !write) {
    response.end();
    return;
  }
  response.setHeader('Content-Type', contentType ?? 'application/json; charset=utf-8');
  if (write) {
    // The connection of a stream that ends serves nothing else, so that the server can close.
    response.shouldKeepAlive = false;
    if (request.method === 'HEAD') response.end();
    else void write(response);
    return;
  }
  const content =
    contentType !== undefined && (typeof body === 'string' || Buffer.isBuffer(body))
      ? body
      : JSON.stringify(body);
  response.setHeader('Content-Length', Buffer.byteLength(content));
  response.end(request.method === 'HEAD' ? undefined : content);
}

/**
 * Returns the relative way from an address below the router to the router's own, which is right
 * behind every prefix of a proxy: `../` for `/hosts/init`.
 */
function leadToRouter(url = ''): string {
  const depth = url.replace(/\?.*$/s, '').split('/').length - 2;
  return depth > 0 ? '../'.repeat(depth) : './';
}
