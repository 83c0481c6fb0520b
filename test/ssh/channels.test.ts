import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Connections } from '../../src/ssh/connections.js';
import { until } from '../harness/wait.js';
import { makeLogin, type Login } from './login.js';

let login: Login, stingy: Login;
let connections: Connections | undefined;
const open = (to: Login): Connections => (connections = new Connections({ identityFile: to.identityFile, timeoutMs: 5_000, idleMs: 60_000 }));
/** How many channels are used where that many uses are under way. */
async function countUsed(all: Connections, to: Login, uses: number): Promise<number> {
  return all.use(to.address, async ({ channels }) => {
    const used = new Set<unknown>();
    let begun = 0, release = (): void => undefined;
    const everyone = new Promise<void>((resolve) => { release = resolve; });
    await Promise.all(Array.from({ length: uses }, () => channels.use(async (channel) => {
      used.add(channel);
      expect((await channel.disk.stat('/'))?.kind).toBe('directory');
      if (++begun === uses) release();
      await everyone;
    })));
    return used.size;
  });
}

beforeAll(async () => {
  login = await makeLogin({});
  stingy = await makeLogin({ settings: ['MaxSessions 2'] });
});
afterEach(async () => {
  await connections?.close();
  connections = undefined;
});
afterAll(async () => {
  await login.close();
  await stingy.close();
});

test('a connection has one channel, until it is told that more pay', async () => {
  const all = open(login);
  expect(await countUsed(all, login, 8)).toBe(1);
  await all.use(login.address, async ({ channels }) => { channels.widen(); });
  await until(async () => await countUsed(all, login, 8) === 4);
});

test('a server that allows fewer is content with these', async () => {
  const all = open(stingy);
  await all.use(stingy.address, async ({ channels }) => { channels.widen(); });
  await until(async () => await countUsed(all, stingy, 8) === 2);
  expect(await countUsed(all, stingy, 8)).toBe(2);
});
