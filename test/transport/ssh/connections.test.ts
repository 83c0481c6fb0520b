import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SshConnections, type ConnectionSettings } from '../../../src/transport/ssh/connections.js';
import { parsePinnedKeys } from '../../../src/transport/ssh/host-key.js';
import { formatFingerprint } from '../../../src/util/public-key.js';
import { until } from '../../harness/wait.js';
import { makeKey, makeLogin, type Login } from './login.js';

let login: Login;
let connections: SshConnections | undefined;
const open = (settings: Partial<ConnectionSettings> = {}): SshConnections =>
  (connections = new SshConnections({
    identityFile: login.identityFile,
    timeoutMs: 5_000,
    idleMs: 60_000,
    ...settings,
  }));
const logins = async (): Promise<number> =>
  (await login.there.log()).split('\n').filter((line) => line.includes('Accepted publickey'))
    .length;

beforeAll(async () => {
  login = await makeLogin({ rsa: true });
});
afterEach(async () => {
  await connections?.close();
  connections = undefined;
});
afterAll(() => login.close());

describe('one connection', () => {
  test('serves all uses, at once and after each other', async () => {
    const all = open();
    const before = await logins();
    await Promise.all(
      Array.from({ length: 20 }, () =>
        all.use(login.address, async ({ disk }) => {
          expect((await disk.stat('/'))?.kind).toBe('directory');
        }),
      ),
    );
    await all.use(login.address, async (connection) => {
      expect(await connection.run('echo hello')).toEqual({ code: 0, stdout: 'hello\n' });
    });
    expect(await logins()).toBe(before + 1);
  });

  test('is closed when it is idle, and not while it is used', async () => {
    const all = open({ idleMs: 20 });
    const { connection, release } = await all.acquire(login.address);
    for (const until = performance.now() + 60; performance.now() < until;)
      await connection.disk.stat('/');
    expect(connection.isOpen).toBe(true);
    release();
    await until(() => !connection.isOpen, { what: 'an idle connection that is closed' });
    await all.use(login.address, async (next) => {
      expect(next).not.toBe(connection);
    });
  });

  test('of another address is another one, and the first ends with its last use', async () => {
    const all = open();
    const { connection, release } = await all.acquire(login.address);
    const changed = { ...login.address, hostKeys: [...login.address.hostKeys].reverse() };
    await all.use(changed, async (next) => {
      expect(next).not.toBe(connection);
    });
    expect(connection.isOpen).toBe(true);
    release();
    await until(() => !connection.isOpen);
  });

  test('that broke is replaced at the next use; running calls fail', async () => {
    const all = open();
    await all.use(login.address, async ({ disk }) => {
      await login.there.stop({ hard: true });
      await expect(disk.stat('/')).rejects.toMatchObject({ code: 'HOST_UNREACHABLE' });
    });
    await expect(all.use(login.address, async () => undefined)).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
    });
    await login.there.start();
    await all.use(login.address, async ({ disk }) => {
      expect(await disk.stat('/')).toBeDefined();
    });
  });

  test('that does not answer is given up', async () => {
    const all = open({ timeoutMs: 3_000 });
    await all.use(login.address, async ({ disk }) => {
      await login.there.freeze();
      try {
        await expect(disk.stat('/')).rejects.toMatchObject({ code: 'TIMED_OUT' });
      } finally {
        await login.there.thaw();
      }
    });
  });

  test('ends at close, with running and waiting calls', async () => {
    const all = open();
    const { connection, release } = await all.acquire(login.address);
    const running = connection.run('sleep 30');
    const ended = expect(running).rejects.toMatchObject({ code: 'HOST_UNREACHABLE' });
    await all.close();
    await ended;
    release();
    await expect(all.use(login.address, async () => undefined)).rejects.toMatchObject({
      code: 'CLOSED',
    });
  });
});

describe('a login that fails', () => {
  const tried = (
    address = login.address,
    settings: Partial<ConnectionSettings> = {},
  ): Promise<unknown> => open(settings).use(address, () => Promise.resolve('in'));

  test('another host key: both fingerprints are shown', async () => {
    const other = await makeKey(join(login.dir, 'pinned'));
    const [shown] = parsePinnedKeys(login.address).map((key) => formatFingerprint(key));
    const [pinned] = parsePinnedKeys({ ...login.address, hostKeys: [other] }).map((key) =>
      formatFingerprint(key),
    );
    const failure = await tried({ ...login.address, hostKeys: [other] }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      code: 'HOST_KEY_MISMATCH',
      message: expect.stringContaining(shown ?? '?') as string,
    });
    expect(failure).toMatchObject({ message: expect.stringContaining(pinned ?? '?') as string });
  });

  test('only one pinned key, of either type, is enough', async () => {
    for (const hostKey of login.address.hostKeys) {
      expect(await tried({ ...login.address, hostKeys: [hostKey] })).toBe('in');
      await connections?.close();
    }
  });

  test('a key type that the host does not have', async () => {
    const ecdsa = await makeKey(join(login.dir, 'ecdsa'), '', 'ecdsa');
    await expect(tried({ ...login.address, hostKeys: [ecdsa] })).rejects.toMatchObject({
      code: 'HOST_KEY_MISMATCH',
    });
  });

  test('a key that is not accepted, cannot be opened, is not there', async () => {
    await makeKey(join(login.dir, 'stranger'));
    await expect(
      tried(login.address, { identityFile: join(login.dir, 'stranger') }),
    ).rejects.toMatchObject({ code: 'AUTH_FAILED' });
    await makeKey(join(login.dir, 'locked'), 'secret');
    await expect(
      tried(login.address, { identityFile: join(login.dir, 'locked') }),
    ).rejects.toMatchObject({ code: 'BAD_KEY' });
    await expect(
      tried(login.address, { identityFile: join(login.dir, 'none') }),
    ).rejects.toMatchObject({ code: 'BAD_KEY' });
  });

  test('no server, and an unknown name', async () => {
    await expect(tried({ ...login.address, sshPort: 1 })).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
    });
    await expect(tried({ ...login.address, url: 'nowhere.invalid' })).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
    });
  });

  test('somebody who listens and says nothing, and one who is no sshd', async () => {
    const open = new Set<Socket>();
    let greeting = '';
    const server = createServer((socket) => {
      open.add(socket.on('error', () => undefined));
      if (greeting !== '') socket.end(greeting);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as { port: number };
    await expect(
      tried({ ...login.address, sshPort: port }, { timeoutMs: 300 }),
    ).rejects.toMatchObject({ code: 'TIMED_OUT' });
    greeting = 'HTTP/1.1 400 Bad Request\r\n\r\n';
    await expect(tried({ ...login.address, sshPort: port })).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
    });
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  test('is not remembered: the next try may work', async () => {
    const all = open();
    const keys = await readFile(login.there.authorizedKeysFile, 'utf8');
    await writeFile(login.there.authorizedKeysFile, '');
    await expect(all.use(login.address, async () => undefined)).rejects.toMatchObject({
      code: 'AUTH_FAILED',
    });
    await writeFile(login.there.authorizedKeysFile, keys);
    expect(await all.use(login.address, () => Promise.resolve('in'))).toBe('in');
  });
});

test("a host with room for one login at a time serves many hosts' worth of them", async () => {
  const narrow = await makeLogin({ maxStartups: '2:100:2' });
  const all = new SshConnections({
    identityFile: narrow.identityFile,
    timeoutMs: 10_000,
    idleMs: 60_000,
    handshakes: 1,
  });
  try {
    const addresses = Array.from({ length: 8 }, (_, index) => ({
      ...narrow.address,
      id: `host-${index}`,
    }));
    expect(
      await Promise.all(addresses.map((address) => all.use(address, () => Promise.resolve('in')))),
    ).toEqual(Array(8).fill('in'));
  } finally {
    await all.close();
    await narrow.close();
  }
});

test('a host that answers nothing does not delay the login to another one', async () => {
  const open = new Set<Socket>();
  const silent = createServer((socket) => {
    open.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  const { port } = silent.address() as { port: number };
  const all = new SshConnections({
    identityFile: login.identityFile,
    timeoutMs: 600_000,
    idleMs: 60_000,
    handshakes: 1,
  });
  const waiting = all.acquire({ ...login.address, id: 'silent', sshPort: port });
  waiting.catch(() => undefined);
  try {
    await until(() => open.size === 1, { what: 'a login that waits' });
    expect(await all.use(login.address, () => Promise.resolve('in'))).toBe('in');
  } finally {
    await all.close();
    for (const socket of open) socket.destroy();
    silent.close();
  }
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('a host without SFTP is reported as such', async () => {
  const plain = await makeLogin({ sftp: false });
  const all = new SshConnections({
    identityFile: plain.identityFile,
    timeoutMs: 5_000,
    idleMs: 60_000,
  });
  try {
    await expect(all.use(plain.address, async () => undefined)).rejects.toMatchObject({
      code: 'NO_SFTP',
      message: expect.stringContaining('Subsystem sftp') as string,
    });
  } finally {
    await all.close();
    await plain.close();
  }
});
