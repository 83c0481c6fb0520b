import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compileProgram } from '../harness/compile.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

const program = compileProgram(new URL('serving-process.ts', import.meta.url));
const files = {
  'large.bin': randomBytes(24 * 1024 * 1024),
  'other.bin': randomBytes(600_000),
  'small.bin': randomBytes(2_000),
} as const;
type Name = keyof typeof files;

let folder: TestDir, server: ChildProcess, port: number;
let exit: string | undefined;
const said: string[] = [];

beforeAll(async () => {
  folder = await makeTestDir();
  await mkdir(`${folder.path}/uploads`);
  for (const [name, content] of Object.entries(files))
    await writeFile(`${folder.path}/uploads/${name}`, content);
});
afterAll(() => folder.remove());
// A process of its own: a descriptor that is closed twice takes its process down.
beforeEach(async () => {
  [exit, said.length] = [undefined, 0];
  const child = (server = spawn(process.execPath, [program, folder.path], {
    stdio: ['pipe', 'pipe', 'pipe'],
  }));
  child.once('exit', (code, signal) => {
    exit = signal ?? `exit code ${String(code)}`;
  });
  child.stderr.on('data', (text: Buffer) => {
    said.push(text.toString());
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  port = Number(line.toString());
});
afterEach(async () => {
  server.stdin?.end();
  await until(() => exit);
});

/** A request on a connection of its own. */
function ask(
  name: Name,
  { method = 'GET', range }: { method?: string; range?: string } = {},
): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `${method} /uploads/${name} HTTP/1.1\r\nHost: ` +
      `x\r\n${range === undefined ? '' : `Range: ${range}\r\n`}\r\n`,
  );
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
}

/** Ends a download once so many bytes have come: none, some, or nearly all. */
async function abortAfter(bytes: number, how: Parameters<typeof ask>[1] = {}): Promise<void> {
  const socket = ask('large.bin', how);
  let got = 0;
  const end = new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      if ((got += data.length) >= bytes) resolve();
    });
    socket.once('close', () => {
      resolve();
    });
    if (bytes === 0)
      socket.once('connect', () => {
        resolve();
      });
  });
  await end;
  await closed(socket);
}

/** Whether a file comes as it is. */
function getWhole(name: Name): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(
      { port, host: '127.0.0.1', path: `/uploads/${name}`, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (bytes: Buffer) => {
          chunks.push(bytes);
        });
        response.on('error', (error) => {
          resolve(`${name}: ${error.message}`);
        });
        response.on('end', () => {
          resolve(
            response.statusCode === 200 && Buffer.concat(chunks).equals(files[name])
              ? 'right'
              : `${name}: status ${String(response.statusCode)}, wrong bytes`,
          );
        });
      },
    );
    asked.on('error', (error) => {
      resolve(`${name}: ${error.message}`);
    });
    asked.end();
  });
}

const countDescriptors = async (): Promise<number> =>
  (await readdir(`/proc/${String(server.pid)}/fd`)).length;

/**
 * Four clients abort `count` downloads while other visitors read files whole; tells what went
 * wrong.
 */
async function abortWhileOthersRead(
  count: number,
  abort: (turn: number) => Promise<void>,
): Promise<void> {
  for (const name of Object.keys(files) as Name[]) expect(await getWhole(name)).toBe('right');
  let before = -1;
  await until(async () => before === (before = await countDescriptors()));
  let turn = 0,
    aborting = true;
  const wrong: string[] = [];
  const client = async (): Promise<void> => {
    while (turn < count && exit === undefined) await abort(turn++);
  };
  const other = async (name: Name): Promise<number> => {
    let right = 0;
    for (; aborting && exit === undefined; right++) {
      const got = await getWhole(name);
      if (got !== 'right') {
        wrong.push(got);
        break;
      }
    }
    return right;
  };
  const others = [other('small.bin'), other('other.bin')];
  await Promise.all(Array.from({ length: 4 }, client));
  aborting = false;
  const read = await Promise.all(others);
  expect(exit, said.join('')).toBeUndefined();
  expect(wrong).toEqual([]);
  expect(turn).toBe(count);
  expect(Math.min(...read)).toBeGreaterThan(0);
  await until(async () => (await countDescriptors()) === before, {
    timeout: 10_000,
    what: `${String(before)} descriptors, as before`,
  });
  expect(said.join('')).toBe('');
}

const depths = [0, 1, 200_000, 2_000_000];
const depthOf = (turn: number): number => depths[turn % depths.length] ?? 0;

describe.skipIf(!existsSync('/proc/self/fd'))(
  'visitors who abort downloads harm no other and leave no descriptor open (skipped where there is no /proc)',
  { timeout: 180_000 },
  () => {
    test('2,000 times, from four clients', () =>
      abortWhileOthersRead(2_000, (turn) => abortAfter(depthOf(turn))));
    test('of ranges', () =>
      abortWhileOthersRead(400, (turn) =>
        abortAfter(depthOf(turn), { range: `bytes=${String(1_000 * turn)}-` }),
      ));
    test('of HEAD', () => abortWhileOthersRead(400, () => abortAfter(0, { method: 'HEAD' })));
    test('after they stopped reading', () =>
      abortWhileOthersRead(200, async () => {
        const socket = ask('large.bin');
        await once(socket, 'data');
        socket.pause();
        // Meanwhile the server fills the kernel's buffers, and waits.
        expect(await getWhole('other.bin')).toBe('right');
        await closed(socket);
      }));
    test('of which several use one connection', () =>
      abortWhileOthersRead(200, async (turn) => {
        const socket = ask('large.bin');
        for (const name of ['other.bin', 'large.bin'])
          socket.write(`GET /uploads/${name} HTTP/1.1\r\nHost: x\r\n\r\n`);
        let got = 0;
        await new Promise<void>((resolve) => {
          socket.on('data', (data: Buffer) => {
            if ((got += data.length) >= depthOf(turn)) resolve();
          });
          socket.once('close', () => {
            resolve();
          });
        });
        await closed(socket);
      }));
  },
);
