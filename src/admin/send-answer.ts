import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminAnswer } from './admin-route.js';
import type { ErrorAnswer } from './answer-error.js';

/**
 * Writes with Node's own methods: what the app has set for `res.json` or `res.send` (spaces,
 * ETags) does not apply to these answers.
 */
export function sendAnswer(
  request: Pick<IncomingMessage, 'method'> & { readonly baseUrl: string },
  response: ServerResponse,
  { status, body, location, headers = {} }: AdminAnswer & { headers?: ErrorAnswer['headers'] },
): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (location !== undefined) response.setHeader('Location', `${request.baseUrl}${location}`);
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(request.method === 'HEAD' ? undefined : text);
}
