import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readBody } from '../../src/admin/read-body.js';
import { Refusal } from '../../src/admin/refusal.js';
import { until } from '../harness/wait.js';

let server: Server;
const seen: unknown[] = [];
beforeAll(async () => {
  server = createServer((incoming, response) => {
    void readBody(incoming)
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
});

/** A request that says nothing of its length before it sends its body. */
function open() {
  const outgoing = request({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    method: 'POST',
    agent: false,
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
