import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'express';
import { Refusal } from './refusal.js';

const maxBytes = 64 * 1024;
/** `express.json` limits the size of a body, but not the time that it takes. */
const maxMs = 10_000;
/** The router has checked the content type, so it parses every body. */
const parse = json({ limit: maxBytes, strict: false, inflate: false, type: () => true });

/**
 * Reads the JSON body into `request.body`, whether or not the app has parsed it before; `{}` if
 * there is none.
 *
 * @throws Refusal 400, 408, 413 or 415
 */
export async function readBody(
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  timeoutMs = maxMs,
): Promise<unknown> {
  const { headers } = request;
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw makeTooLarge();
  const hasBody = 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0;
  // Some parsers set `body` without having read anything. It is the body only if the stream has
  // ended.
  if (request.readableEnded) {
    // Without its body a dry run would be a real one.
    if (hasBody && request.body === undefined) throw makeBadRequest(readByOther);
    request.body = parseText(request.body);
  } else {
    request.body = undefined;
    await parseWithin(timeoutMs, request, response);
    // `express.json` skips a request whose connection has ended, and one that is marked as parsed.
    if (hasBody && !request.readableEnded) throw makeBadRequest('The body broke off.');
  }
  return (request.body ??= {});
}

function parseWithin(
  timeoutMs: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Refusal(408, 'TOO_SLOW', 'The body took too long to arrive.', closeConnection));
    }, timeoutMs);
    // `express.json` reads a body that is too large to its end before it says so.
    let size = 0;
    const count = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) reject(makeTooLarge());
    };
    parse(request, response, (error?: unknown) => {
      clearTimeout(timer);
      request.off('data', count);
      if (error === undefined) resolve();
      else reject(describeParseError(error as Error & { type?: string }));
    });
    request.on('data', count);
  });
}

/** Parses what another parser of the app has left as text or bytes. */
function parseText(body: unknown): unknown {
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) return body;
  const text = body.toString('utf8');
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw makeBadRequest(notJson);
  }
}

function describeParseError(error: Error & { type?: string }): Error {
  switch (error.type) {
    case 'entity.too.large':
      return makeTooLarge();
    case 'entity.parse.failed':
      return makeBadRequest(notJson);
    case 'request.aborted':
    case 'request.size.invalid':
      return makeBadRequest('The body broke off.');
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send it in UTF-8 and uncompressed.');
    default:
      return error;
  }
}

const readByOther =
  'A middleware of the application has read the body and left nothing of it. Mount the router ' +
  'before that middleware.';
const notJson = 'The body is not valid JSON.';
const closeConnection = { Connection: 'close' };

function makeBadRequest(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message);
}

function makeTooLarge(): Refusal {
  return new Refusal(413, 'TOO_LARGE', 'The body is larger than 64 KiB.', closeConnection);
}
