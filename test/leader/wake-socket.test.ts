import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WakeClient, type WakeClientDeps } from '../../src/leader/wake-client.js';
import { getWakeSocketPath, WakeServer, type LeaderHint } from '../../src/leader/wake-socket.js';
import type { Capture } from '../../src/model/capture.js';
import type { Path } from '../../src/model/path.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

let state: TestDir, heard: LeaderHint[], due: string[], gone: number;
const clients: WakeClient[] = [],
  servers: WakeServer[] = [];
beforeEach(async () => {
  state = await makeTestDir();
  heard = [];
  due = [];
  gone = 0;
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) await server.close();
  await state.remove();
});

function makeClient(deps: Partial<WakeClientDeps> = {}): WakeClient {
  const makeDue = (ids: readonly string[]): Promise<void> => {
    due.push(...ids);
    return Promise.resolve();
  };
  const client = new WakeClient({
    stateDir: state.path,
    makeDue,
    onLeaderGone: () => {
      gone++;
    },
    ...deps,
  });
  clients.push(client);
  return client;
}
async function listen(
  onHint: (hint: LeaderHint) => boolean = (hint) => {
    heard.push(hint);
    return true;
  },
): Promise<WakeServer> {
  const server = new WakeServer(state.path, onHint);
  servers.push(server);
  await server.start();
  return server;
}
const capture = (id: string): Capture => ({
  id,
  host: 'A',
  dueAt: new Date(5),
  touched: ['a' as Path],
  unreferenced: [],
  unreferencedSince: new Date(7),
  rescan: [],
});

test('a leader that ends late does not remove the socket of the next one', async () => {
  const late = await listen(() => true);
  await listen();
  const client = makeClient();
  await late.close();
  client.sendHint({ run: true });
  await until(() => heard.length > 0);
  expect(heard).toEqual([{ run: true }]);
});

test('a hint arrives as it was sent, and makes nothing due', async () => {
  await listen();
  const client = makeClient();
  client.sendHint({ captures: [capture('1')] });
  client.sendHint({ captures: [capture('2')], run: true });
  expect(await client.ping(10_000)).toBe(true);
  expect(heard).toEqual([
    { captures: [capture('1')] },
    { captures: [capture('2')], run: true },
    {},
  ]);
  await client.close();
  expect(due).toEqual([]);
});

test('without a listener captures are made due, and the next listener hears of them and of runs', async () => {
  const client = makeClient();
  client.sendHint({ captures: [capture('1')] });
  client.sendHint({ run: true });
  client.sendHint({ captures: [capture('2')] });
  await until(() => due.length === 2);
  await listen();
  await until(() => heard.some(({ checkOutbox: look }) => look));
  expect(heard).toEqual([{ run: true, checkOutbox: true }]);
  expect(due).toEqual(['1', '2']);
});

test.each(['the socket of a process that is gone', 'no socket', 'a file that is no socket'])(
  '%s accepts no hint',
  async (what) => {
    if (what.startsWith('the')) await (await listen()).close();
    if (what.startsWith('a file')) await writeFile(getWakeSocketPath(state.path), '');
    const client = makeClient();
    expect(await client.ping(10_000)).toBe(false);
    client.sendHint({ captures: [capture('1')] });
    await until(() => due.length > 0);
  },
);

test('a leader that is about to end accepts no hint, and the next one gets it', async () => {
  let isEnding = true;
  await listen((hint) => {
    heard.push(hint);
    return !isEnding;
  });
  const client = makeClient();
  client.sendHint({ captures: [capture('1')] });
  await until(() => due.length > 0);
  heard.length = 0;
  isEnding = false;
  await until(() => heard.some(({ checkOutbox: look }) => look));
});

test('a hint that was written to a stopped process counts for nothing', async () => {
  const program = `
    const server = require('node:net').createServer(() => {});
    server.listen(process.argv[1], () => { console.log('listens'); });
    process.stdin.on('end', () => { process.exit(); }).resume();`;
  const still = spawn(process.execPath, ['-e', program, getWakeSocketPath(state.path)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    let said = '';
    still.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until(() => said.includes('listens'), { timeout: 15_000 });
    still.kill('SIGSTOP');
    const client = makeClient();
    client.sendHint({ captures: [capture('1')] });
    const answer = client.ping(10_000);
    await until(() => due.includes('1'), { timeout: 10_000 });
    expect(await answer).toBe(false);
    await listen();
    await until(() => heard.some(({ checkOutbox: look }) => look), { timeout: 10_000 });
  } finally {
    still.kill('SIGCONT');
    still.kill('SIGKILL');
    await until(() => still.exitCode !== null || still.signalCode !== null);
  }
}, 30_000);

test('a watching client hears of the end of the leader, and finds the next one', async () => {
  const first = await listen();
  const client = makeClient();
  client.keepConnected(true);
  await until(() => heard.length > 0);
  await first.close();
  await until(() => gone > 0);
  heard.length = 0;
  await listen();
  await until(() => heard.length > 0);
  expect(await client.ping(10_000)).toBe(true);
  client.keepConnected(false);
});

test('a hint sent after the client was closed is due at once', async () => {
  await listen();
  const client = makeClient();
  await client.close();
  client.sendHint({ captures: [capture('1')] });
  expect(due).toEqual(['1']);
  expect(await client.ping(10)).toBe(false);
  expect(heard).toEqual([]);
});

test('closing waits until captures that were not accepted are due', async () => {
  const client = makeClient({
    makeDue: async (ids) => {
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
      due.push(...ids);
    },
  });
  client.sendHint({ captures: [capture('1')] });
  await client.close();
  expect(due).toEqual(['1']);
});

test('captures beyond the limits of the client and of the leader are made due', async () => {
  const taken: string[] = [];
  await listen(({ captures = [] }) => {
    taken.push(...captures.map(({ id }) => id));
    return true;
  });
  const client = makeClient();
  const huge = {
    ...capture('huge'),
    touched: Array.from({ length: 1_000 }, (_, i) => `${'x'.repeat(2_000)}${String(i)}` as Path),
  };
  client.sendHint({ captures: [huge] });
  for (let i = 0; i < 30_000; i++) client.sendHint({ captures: [capture(String(i))] });
  await until(() => due.includes('huge'));
  await until(() => taken.length + due.length === 30_001, { timeout: 20_000 });
  expect(new Set([...taken, ...due]).size).toBe(30_001);
}, 40_000);

test('lines that are no hints get no number and disturb no other client', async () => {
  await listen();
  const socket = connect(getWakeSocketPath(state.path));
  socket.write('no json\n{"number":"x"}\n');
  await until(() => heard.length > 0);
  socket.destroy();
  expect(await makeClient().ping(10_000)).toBe(true);
});

test('a process that has just saved does not end before its hint was taken', async () => {
  await listen();
  const program = `
    import { WakeClient } from './src/leader/wake-client.ts';
    const client = new WakeClient({ stateDir: process.argv[1], makeDue: async () => {} });
    client.sendHint({ run: true });`;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program, state.path],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  await until(() => child.exitCode !== null, { timeout: 20_000 });
  expect(child.exitCode).toBe(0);
  await until(() => heard.length > 0);
}, 30_000);
