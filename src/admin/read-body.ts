import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.js';

const maxBytes = 64 * 1024;
const timeoutMs = 10_000;

/**
 * Reads the JSON body, whether or not the app has parsed it before; `{}` if there is none.
 *
 * @throws Refusal 400, 408 or 413
 */
export async function readBody(request: IncomingMessage & { body?: unknown }): Promise<unknown> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  // Some parsers set `body` without having read anything. It is the body only if the stream has
  // ended.
  const body = request.readableEnded ? request.body : await readStream(request);
  if (body === undefined || body === null) return {};
  return typeof body === 'string' || Buffer.isBuffer(body)
    ? parseJson(body.toString('utf8'))
    : body;
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'BAD_REQUEST', 'The body is not valid JSON.');
  }
}

function readStream(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      finishReading(
        new Refusal(408, 'BAD_REQUEST', 'The body took too long to arrive.', {
          Connection: 'close',
        }),
      );
    }, timeoutMs);
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) finishReading(tooLarge());
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      finishReading();
    };
    const onBroken = (): void => {
      finishReading(new Refusal(400, 'BAD_REQUEST', 'The body broke off.'));
    };
    function finishReading(refusal?: Refusal): void {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onBroken).off('error', onBroken);
      if (!refusal) {
        resolve(Buffer.concat(chunks));
        return;
      }
      // Remaining bytes are discarded, and the answer closes the connection.
      request.on('error', () => undefined).resume();
      reject(refusal);
    }
    request.on('data', onData).on('end', onEnd).on('close', onBroken).on('error', onBroken);
  });
}

function tooLarge(): Refusal {
  return new Refusal(413, 'TOO_LARGE', 'The body is larger than 64 KiB.', { Connection: 'close' });
}
