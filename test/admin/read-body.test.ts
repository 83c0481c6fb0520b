import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readBody } from '../../src/admin/read-body.js';
import { Refusal } from '../../src/admin/refusal.js';
import { until } from '../harness/wait.js';

let server: Server;
const seen: unknown[] = [];
type Incoming = IncomingMessage & { body?: unknown };
/** What a parser of the app does before the router reads. */
let prepare: (incoming: Incoming) => Promise<void>;
let timeoutMs: number;
beforeAll(async () => {
  server = createServer((incoming, response) => {
    void prepare(incoming)
      .then(() => readBody(incoming, response, timeoutMs))
      .catch((error: unknown) => error)
      .then((body) => {
        seen.push(body);
        response.statusCode = body instanceof Refusal ? body.status : 200;
        response.end();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(
  () =>
    new Promise((resolve) => {
      server.close(resolve);
    }),
);
beforeEach(() => {
  seen.length = 0;
  prepare = async () => undefined;
  timeoutMs = 10_000;
});

/** A request that says nothing of its length before it sends its body. */
function open(headers: Record<string, string> = {}) {
  const outgoing = request({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    method: 'POST',
    agent: false,
    headers,
  });
  const status = new Promise<number | undefined>((resolve, reject) => {
    outgoing
      .on('response', (response: IncomingMessage) => {
        response.resume().on('end', () => {
          resolve(response.statusCode);
        });
      })
      .on('error', reject);
  });
  return { outgoing, status };
}

test('a body of unknown length is read to its end', async () => {
  const { outgoing, status } = open();
  outgoing.write('{"dirs":["upl');
  outgoing.end('oads ☃"]}');
  expect(await status).toBe(200);
  expect(seen).toEqual([{ dirs: ['uploads ☃'] }]);
});

test('a body of unknown length is given up at 64 KiB', async () => {
  const { outgoing, status } = open();
  for (let chunks = 0; chunks < 10; chunks++) outgoing.write('x'.repeat(10_000));
  outgoing.end();
  expect(await status).toBe(413);
});

test('a body of unknown length that is too large is refused before it ends', async () => {
  const { outgoing, status } = open();
  for (let chunks = 0; chunks < 10; chunks++) outgoing.write('x'.repeat(10_000));
  expect(await status).toBe(413);
  outgoing.destroy();
});

test('a body that breaks off is refused', async () => {
  const { outgoing, status } = open();
  outgoing.write('{"dirs":');
  await new Promise<void>((resolve) => {
    server.once('request', () => {
      resolve();
    });
  });
  outgoing.destroy();
  await expect(status).rejects.toThrow('socket hang up');
  await until(() => seen.length > 0);
  expect(seen).toEqual([expect.objectContaining({ status: 400, code: 'BAD_REQUEST' })]);
});

test('a body that does not arrive in time is refused', async () => {
  timeoutMs = 50;
  const { outgoing, status } = open();
  outgoing.write('{"dirs":');
  expect(await status).toBe(408);
  outgoing.destroy();
});

test.each<[string, (bytes: Buffer) => unknown]>([
  ['bytes', (bytes) => bytes],
  ['text', (bytes) => bytes.toString()],
  ['an object', (bytes): unknown => JSON.parse(bytes.toString())],
])('a body that another parser has read as %s is taken', async (_, parse) => {
  prepare = async (incoming) => {
    incoming.body = parse(Buffer.concat(await incoming.toArray()));
  };
  const { outgoing, status } = open();
  outgoing.end('{"dirs":["uploads"]}');
  expect(await status).toBe(200);
  expect(seen).toEqual([{ dirs: ['uploads'] }]);
});

test('a body that another parser has set without reading is not taken', async () => {
  prepare = async (incoming) => {
    incoming.body = { dirs: ['other'] };
  };
  for (const [text, body] of [
    ['{"dirs":["uploads"]}', { dirs: ['uploads'] }],
    ['', {}],
  ] as const) {
    seen.length = 0;
    const { outgoing, status } = open();
    outgoing.end(text);
    expect(await status).toBe(200);
    expect(seen).toEqual([body]);
  }
});

test.each([
  [{ 'Content-Encoding': 'gzip' }, 415],
  [{ 'Content-Type': 'application/json; charset=latin1' }, 415],
])('a body with %j is refused', async (headers, expected) => {
  const { outgoing, status } = open(headers);
  outgoing.end('{}');
  expect(await status).toBe(expected);
});

test('a body that another middleware has read and dropped is refused, not taken as empty', async () => {
  prepare = async (incoming) => {
    incoming.resume();
    await once(incoming, 'end');
  };
  const { outgoing, status } = open();
  outgoing.end('{"dryRun": true}');
  expect(await status).toBe(400);
  expect(seen).toMatchObject([{ message: expect.stringContaining('has read the body') as string }]);
});
