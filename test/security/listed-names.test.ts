import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SshConnections } from '../../src/transport/ssh/connections.js';
import { startEvilHost, type EvilHost } from '../harness/evil-host.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { isText, makePaths } from './names/corpus.js';

const hostile = countHostileInputs();
const batch = 100;
let dir: TestDir, evil: EvilHost, connections: SshConnections;
/** What the other host lists, answer by answer. */
let answers: string[][] = [];
beforeAll(async () => {
  dir = await makeTestDir();
  const identityFile = join(dir.path, 'key');
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', identityFile]);
  evil = await startEvilHost({
    mtime: 1_700_000_000,
    sizeOf: () => undefined,
    read: () => ({ bytes: Buffer.alloc(0), afterMs: 0 }),
    list: () => answers.shift(),
  });
  connections = new SshConnections({ identityFile, timeoutMs: 20_000, idleMs: 60_000 });
});
afterAll(async () => {
  await connections.close();
  await evil.close();
  await dir.remove();
});

/**
 * What of a disk gives names that another host chose, and what does not. A new method of either
 * kind belongs here.
 */
const methods = {
  list: 'names',
  stat: 'none',
  realPath: 'one path, compared with what it should be',
  makeDirectory: 'none',
  link: 'none',
  rename: 'none',
  replace: 'none',
  remove: 'none',
  removeDirectory: 'none',
  readText: 'text',
  read: 'bytes',
  writeNew: 'none',
  hash: 'none',
};

test('another host lists no name that is none', async () => {
  const { connection, release } = await connections.acquire({
    id: 'evil',
    url: '127.0.0.1',
    sshPort: evil.port,
    username: 'x',
    hostKeys: [evil.hostKey],
  });
  try {
    expect(Object.keys(connection.disk).sort()).toEqual(Object.keys(methods).sort());
    const names = makePaths('uploads').filter(
      (name) => isText(name) && Buffer.byteLength(name) < 1_000,
    );
    answers = Array.from({ length: Math.ceil(names.length / batch) }, (_, index) =>
      names.slice(index * batch, (index + 1) * batch),
    );
    const listed = (await connection.disk.list('/uploads')) ?? [];
    const taken = listed.filter(
      (name) =>
        name === '' ||
        name === '.' ||
        name === '..' ||
        /[/\0]/.test(name) ||
        Buffer.byteLength(name) > 255,
    );
    hostile.triedAll(names, taken);
    expect(taken).toEqual([]);
    expect(names.length).toBeGreaterThan(1_000);
  } finally {
    release();
  }
}, 60_000);
