import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Channels } from '../../../src/transport/ssh/channels.js';
import { SshConnections } from '../../../src/transport/ssh/connections.js';
import { until } from '../../harness/wait.js';
import { makeLogin, type Login } from './login.js';

let login: Login;
let connections: SshConnections | undefined;
const open = (to: Login): SshConnections =>
  (connections = new SshConnections({
    identityFile: to.identityFile,
    timeoutMs: 5_000,
    idleMs: 60_000,
  }));
/** How many channels are used where that many uses are under way. */
async function countUsed(all: SshConnections, to: Login, uses: number): Promise<number> {
  return all.use(to.address, async ({ channels }) => {
    const used = new Set<unknown>();
    let begun = 0,
      release = (): void => undefined;
    const everyone = new Promise<void>((resolve) => {
      release = resolve;
    });
    await Promise.all(
      Array.from({ length: uses }, () =>
        channels.use(async (channel) => {
          used.add(channel);
          expect((await channel.disk.stat('/'))?.kind).toBe('directory');
          if (++begun === uses) release();
          await everyone;
        }),
      ),
    );
    return used.size;
  });
}

beforeAll(async () => {
  login = await makeLogin({});
});
afterEach(async () => {
  await connections?.close();
  connections = undefined;
});
afterAll(() => login.close());

test('a connection has one channel, until more are worth it', async () => {
  const all = open(login);
  expect(await countUsed(all, login, 8)).toBe(1);
  await all.use(login.address, async ({ channels }) => {
    channels.widen();
  });
  await until(async () => (await countUsed(all, login, 8)) === 4);
});

test('one channel is enough if the server refuses more', async () => {
  const all = open(login);
  await all.use(login.address, async ({ channels: { first } }) => {
    let asked = 0;
    const channels = new Channels(first, () => {
      asked++;
      return Promise.reject(new Error('no more sessions'));
    });
    channels.widen();
    channels.widen();
    await until(() => asked === 1);
    expect(await channels.use((channel) => Promise.resolve(channel))).toBe(first);
  });
});
