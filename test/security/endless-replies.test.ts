import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, afterAll, expect, test } from 'vitest';
import { SshConnections } from '../../src/transport/ssh/connections.js';
import { startEvilHost, type Behaviour, type EvilHost } from '../harness/evil-host.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let dir: TestDir, identityFile: string;
const owned: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  dir = await makeTestDir();
  identityFile = join(dir.path, 'key');
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', identityFile]);
});
afterEach(async () => {
  for (const one of owned.splice(0).reverse()) await one.close();
});
afterAll(() => dir.remove());

const honest: Behaviour = {
  mtime: 1_700_000_000,
  sizeOf: (path) => (path.endsWith('.jpg') ? 40_000 : undefined),
  read: (_path, offset, length) => ({
    bytes: Buffer.alloc(Math.max(0, Math.min(length, 40_000 - offset))),
    afterMs: 0,
  }),
};

async function openAt(behaviour: Behaviour): Promise<{
  evil: EvilHost;
  connection: Awaited<ReturnType<SshConnections['acquire']>>['connection'];
}> {
  const evil = await startEvilHost(behaviour);
  owned.push(evil);
  const connections = new SshConnections({ identityFile, timeoutMs: 5_000, idleMs: 60_000 });
  owned.push(connections);
  const { connection, release } = await connections.acquire({
    id: 'evil',
    url: '127.0.0.1',
    sshPort: evil.port,
    username: 'x',
    hostKeys: [evil.hostKey],
  });
  release();
  return { evil, connection };
}

test('replies of an honest server are read whole', async () => {
  const lists = [['a.jpg'], ['b.jpg', '.', '..']];
  const { connection } = await openAt({ ...honest, list: () => lists.shift() });
  expect(await connection.disk.list('/uploads')).toEqual(['a.jpg', 'b.jpg']);
  expect(await connection.disk.hash('/uploads/a.jpg', 1e6)).toMatch(/^[0-9a-f]{64}$/);
});

test.each([
  ['long names', Array.from({ length: 100 }, (_, i) => `${String(i)}-${'x'.repeat(240)}`)],
  ['no name at all', []],
])(
  'a directory of %s that never ends is given up, and the connection with it',
  async (_what, names) => {
    const { connection } = await openAt({ ...honest, list: () => names });
    const before = process.memoryUsage().heapUsed;
    await expect(connection.disk.list('/uploads')).rejects.toMatchObject({
      code: 'REPLY_TOO_LARGE',
      message: expect.stringContaining('"/uploads"') as string,
    });
    expect(connection.isOpen).toBe(false);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(512 * 1024 * 1024);
  },
  120_000,
);

test('a file that comes byte by byte fails in time, for every reader', async () => {
  const { connection, evil } = await openAt({
    ...honest,
    read: () => ({ bytes: Buffer.alloc(1), afterMs: 0 }),
  });
  await expect(connection.disk.hash('/uploads/a.jpg', 1e6)).rejects.toMatchObject({
    code: 'REPLY_TOO_LARGE',
  });
  expect(evil.reads()).toBeLessThan(1_000);
});
