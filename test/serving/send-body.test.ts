import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, readdir, readlink, truncate, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileReader, createBodySender } from '../../src/serving/send-body.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { startWeb, type Web } from './web.js';

const content = randomBytes(9_000_000);
let folder: TestDir, file: string, web: Web;
let beforeSending: (response: ServerResponse) => Promise<void> | void;
let sent: Promise<void>[];
/** Long, unless a test lets a client stall: client and server share this busy process. */
let stalledMs: number;

beforeEach(async () => {
  folder = await makeTestDir();
  file = `${folder.path}/film.bin`;
  await writeFile(file, content);
  [sent, beforeSending, stalledMs] = [[], () => undefined, 60_000];
  web = await startWeb((app) => {
    app.get('/:start/:length', async ({ params: { start, length } }, response) => {
      const handle = await open(file);
      response.setHeader('Content-Length', length);
      await beforeSending(response);
      const sending = createBodySender(
        response,
        createFileReader(handle),
        stalledMs,
      )(Number(start), Number(length)).then(() => handle.close());
      sent.push(sending);
      await sending;
    });
  });
});
afterEach(async () => {
  await web.close();
  await folder.remove();
});

test.each([
  [0, content.length],
  [0, 1],
  [1_000_000, 256 * 1024],
  [8_999_999, 1],
  [5, 0],
  [300_000, 5_000_001],
])('a part from %d, %d bytes long, is sent as it is', async (start, length) => {
  const { status, broken, body } = await web.get(`/${start}/${length}`);
  expect([status, broken, body.equals(content.subarray(start, start + length))]).toEqual([
    200,
    false,
    true,
  ]);
});

test('a file that became shorter breaks the response', async () => {
  beforeSending = () => truncate(file, 300_000);
  const { broken, body } = await web.get(`/0/${content.length}`);
  expect([broken, body.equals(content.subarray(0, body.length))]).toEqual([true, true]);
});

describe('a visitor', () => {
  test('a client that reads nothing for long is cut off, and the file is closed', async () => {
    stalledMs = 300;
    const socket = connect(Number(new URL(web.url).port), '127.0.0.1');
    socket.write(`GET /0/${content.length} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.on('error', () => undefined);
    await once(socket, 'data');
    socket.pause();
    await until(() => sent.length > 0);
    await sent[0];
    socket.destroy();
  });

  test.skipIf(!existsSync('/proc/self/fd'))(
    'who is gone before the first byte costs no read (skipped where there is no /proc)',
    async () => {
      const socket = connect(Number(new URL(web.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      beforeSending = async (response) => {
        socket.destroy();
        await until(() => response.destroyed);
      };
      socket.write(`GET /0/${content.length} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await until(() => sent.length > 0);
      await sent[0];
      const links = await Promise.all(
        (await readdir('/proc/self/fd')).map((number) =>
          readlink(`/proc/self/fd/${number}`).catch(() => ''),
        ),
      );
      expect(links).not.toContain(file);
    },
  );
});
