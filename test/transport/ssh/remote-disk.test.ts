import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import {
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Disk } from '../../../src/replica/disk.js';
import type { SshConnection } from '../../../src/transport/ssh/connection.js';
import { SshConnections } from '../../../src/transport/ssh/connections.js';
import { createRemoteDisk } from '../../../src/transport/ssh/remote-disk.js';
import { mountSmallDisk, smallDiskIsMissing } from '../small-disk.js';
import { makeOrdinaryUser, ordinaryUserIsMissing } from '../../harness/ordinary-user.js';
import { makeTestDir, type TestDir } from '../../harness/tmp.js';
import { makeLogin, type Login } from './login.js';

const run = promisify(execFile);
const noDisk = await smallDiskIsMissing();
if (noDisk !== undefined) console.warn(`SKIPPED, a full disk: ${noDisk}`);
const noUser = await ordinaryUserIsMissing();
if (noUser !== undefined) console.warn(`SKIPPED, an ordinary user: ${noUser}`);

let login: Login;
let connections: SshConnections;
let disk: Disk;
let dir: TestDir;
const at = (name: string): string => join(dir.path, name);

beforeAll(async () => {
  login = await makeLogin({ settings: [] });
  connections = new SshConnections({
    identityFile: login.identityFile,
    timeoutMs: 5_000,
    idleMs: 60_000,
  });
  disk = await connections.use(login.address, (connection: SshConnection) =>
    Promise.resolve(connection.disk),
  );
});
afterAll(async () => {
  await connections.close();
  await login.close();
});
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(() => dir.remove());

test('stat distinguishes the kinds and follows no symlink', async () => {
  await writeFile(at('file'), 'abc', { mode: 0o640 });
  await utimes(at('file'), 1_600_000_000.25, 1_600_000_000.25);
  await symlink(at('file'), at('link'));
  await run('mkfifo', ['--', at('fifo')]);
  expect(await disk.stat(at('file'))).toEqual({
    kind: 'file',
    mode: 0o640,
    size: 3,
    mtime: 1_600_000_000,
    nanos: 0,
    gid: (await stat(at('file'))).gid,
  });
  expect((await disk.stat(at('link')))?.kind).toBe('symlink');
  expect((await disk.stat(at('fifo')))?.kind).toBe('other');
  expect((await disk.stat(dir.path))?.kind).toBe('directory');
  for (const name of ['missing', 'missing/a', 'file/a', 'a'.repeat(256)])
    expect(await disk.stat(at(name)), name).toBeUndefined();
});

test('list leaves out names that are not UTF-8, and keeps one that looks like it', async () => {
  for (let index = 0; index < 300; index++) await writeFile(at(`many-${index}`), '');
  await writeFile(at('é\n😀'), '');
  await writeFile(at('real \uFFFD'), '');
  await writeFile(Buffer.concat([Buffer.from(at('bad ')), Buffer.from([0xff])]), '');
  const names = await disk.list(dir.path);
  expect(names).toHaveLength(302);
  expect(names).toEqual(expect.arrayContaining(['é\n😀', 'real \uFFFD', 'many-299']));
  expect(await disk.list(at('missing'))).toBeUndefined();
});

test('realPath resolves symlinks, and nothing that is missing', async () => {
  await mkdir(at('real'));
  await symlink(at('real'), at('link'));
  expect(await disk.realPath(at('link'))).toBe(at('real'));
  expect(await disk.realPath(at('real/missing'))).toBeUndefined();
});

test('makeDirectory keeps the setgid bit that a directory gives to those in it', async () => {
  await chmod(dir.path, 0o2755);
  // The second mode is more than the umask of the server leaves.
  for (const [name, mode] of [
    ['a', 0o700],
    ['b', 0o775],
  ] as const)
    await disk.makeDirectory(at(name), mode);
  expect([(await stat(at('a'))).mode & 0o7777, (await stat(at('b'))).mode & 0o7777]).toEqual([
    0o2700, 0o2775,
  ]);
});

test('makeDirectory makes one, with its mode, and accepts an existing one', async () => {
  expect(await disk.makeDirectory(at('a'), 0o755)).toBe(true);
  expect((await stat(at('a'))).mode & 0o777).toBe(0o755);
  expect(await disk.makeDirectory(at('a'), 0o700)).toBe(true);
  expect((await stat(at('a'))).mode & 0o777).toBe(0o755);
  expect(await disk.makeDirectory(at('x/y'), 0o700)).toBe(false);
  await writeFile(at('file'), '');
  await expect(disk.makeDirectory(at('file'), 0o700)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
});

test('link replaces nothing, and names the missing file or directory', async () => {
  await writeFile(at('a'), 'a');
  expect(await disk.link(at('a'), at('b'))).toBe('linked');
  expect((await stat(at('b'))).nlink).toBe(2);
  await writeFile(at('c'), 'c');
  expect(await disk.link(at('a'), at('c'))).toBe('exists');
  expect(await readFile(at('c'), 'utf8')).toBe('c');
  expect(await disk.link(at('missing'), at('d'))).toBe('absent');
  // The file to be linked exists: this is no absence.
  await expect(disk.link(at('a'), at('no/where'))).rejects.toMatchObject({ code: 'LINK_FAILED' });
  await mkdir(at('dir'));
  await expect(disk.link(at('dir'), at('e'))).rejects.toMatchObject({ code: 'LINK_FAILED' });
});

test('rename replaces, and distinguishes absence from a missing directory', async () => {
  await writeFile(at('a'), 'a');
  await writeFile(at('b'), 'b');
  expect(await disk.rename(at('a'), at('b'))).toBe(true);
  expect(await readFile(at('b'), 'utf8')).toBe('a');
  expect(await disk.rename(at('a'), at('c'))).toBe(false);
  await expect(disk.rename(at('b'), at('no/where'))).rejects.toMatchObject({
    code: 'TRANSFER_FAILED',
  });
  await expect(disk.rename(at('b'), at('x'.repeat(256)))).rejects.toMatchObject({
    code: 'BAD_PATH',
  });
});

test('remove and removeDirectory are fine with nothing', async () => {
  await writeFile(at('a'), '');
  await disk.remove(at('a'));
  await disk.remove(at('a'));
  await mkdir(at('dir/full'), { recursive: true });
  expect(await disk.removeDirectory(at('dir'))).toBe(false);
  expect(await disk.removeDirectory(at('dir/full'))).toBe(true);
  expect(await disk.removeDirectory(at('dir/full'))).toBe(true);
  await writeFile(at('file'), '');
  // As on this disk: no directory is there.
  expect(await disk.removeDirectory(at('file'))).toBe(true);
  expect((await stat(at('file'))).isFile()).toBe(true);
});

test('readText reads small regular files only', async () => {
  await writeFile(at('text'), 'ünï\n');
  expect(await disk.readText(at('text'))).toBe('ünï\n');
  expect(await disk.readText(at('missing'))).toBeUndefined();
  await writeFile(at('large'), Buffer.alloc(64 * 1024 + 1));
  await expect(disk.readText(at('large'))).rejects.toMatchObject({ code: 'TRANSFER_FAILED' });
  await run('mkfifo', ['--', at('fifo')]);
  await expect(disk.readText(at('fifo'))).rejects.toMatchObject({ code: 'NOT_A_FILE' });
});

test('writeNew closes its handle once, also where closing fails: by then the handle may belong to another file', async () => {
  await connections.use(login.address, async ({ sftp }) => {
    let closes = 0;
    const failing = new Proxy(sftp, {
      get(target, name) {
        if (name === 'close')
          return async (handle: Buffer) => {
            closes++;
            await target.close(handle);
            throw new Error('no space is left');
          };
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    await expect(
      createRemoteDisk(failing).writeNew(at('unclosed'), Buffer.from('x'), 0o600),
    ).rejects.toThrow('no space is left');
    expect(closes).toBe(1);
    expect(await readdir(dir.path)).toEqual([]);
  });
});

test('writeNew writes an absent file, with its mode', async () => {
  await disk.writeNew(at('new'), Buffer.from('content'), 0o600);
  expect(await readFile(at('new'), 'utf8')).toBe('content');
  expect((await stat(at('new'))).mode & 0o777).toBe(0o600);
  await expect(disk.writeNew(at('new'), Buffer.from('other'), 0o600)).rejects.toMatchObject({
    code: 'TRANSFER_FAILED',
  });
  expect(await readFile(at('new'), 'utf8')).toBe('content');
});

test('hash reads whole files up to a limit', async () => {
  const content = Buffer.from(Array.from({ length: 1_500_001 }, (_, index) => (index * 31) % 256));
  await writeFile(at('file'), content);
  expect(await disk.hash(at('file'), content.length)).toBe(
    createHash('sha256').update(content).digest('hex'),
  );
  expect(await disk.hash(at('file'), content.length - 1)).toBeUndefined();
  expect(await disk.hash(at('missing'), 10)).toBeUndefined();
});

test.skipIf(noDisk !== undefined)('a full disk is called one', async () => {
  const full = await mountSmallDisk(at('full'), 65_536);
  try {
    await expect(disk.writeNew(at('full/a'), Buffer.alloc(200_000), 0o600)).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(await disk.stat(at('full/a'))).toBeUndefined();
  } finally {
    await full.remove();
  }
});

describe.skipIf(noUser !== undefined)('as an ordinary user', () => {
  test('missing permissions are reported as such', async () => {
    const user = await makeOrdinaryUser();
    const other = await makeLogin({ user });
    const all = new SshConnections({
      identityFile: other.identityFile,
      timeoutMs: 5_000,
      idleMs: 60_000,
    });
    try {
      await chmod(dir.path, 0o755);
      await mkdir(at('closed'), { mode: 0o700 });
      await writeFile(at('closed/file'), 'x');
      await writeFile(at('file'), 'x');
      await all.use(other.address, async ({ disk: theirs }) => {
        await expect(theirs.stat(at('closed/file'))).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        });
        await expect(theirs.makeDirectory(at('new'), 0o755)).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        });
        await expect(theirs.writeNew(at('new'), Buffer.from('x'), 0o600)).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        });
        await expect(theirs.rename(at('file'), at('other'))).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        });
        await expect(theirs.remove(at('file'))).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        });
        await expect(theirs.link(at('file'), at('other'))).rejects.toMatchObject({
          code: 'LINK_FAILED',
        });
      });
    } finally {
      await all.close();
      await other.close();
      await user.remove();
    }
  });
});

describe('replace', () => {
  const contents = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      await Promise.all(
        (await readdir(dir.path)).map(
          async (name) => [name, await readFile(at(name), 'utf8')] as const,
        ),
      ),
    );
  beforeEach(async () => {
    await writeFile(at('file'), 'before');
    await link(at('file'), at('kept'));
    await writeFile(at('new'), 'new');
  });

  test('renames over an existing file, and leaves no name of its own', async () => {
    expect(await disk.replace(at('new'), at('file'), at('kept'), at('late'))).toBe('replaced');
    expect(await contents()).toEqual({ file: 'new', kept: 'before' });
  });

  test('keeps a file that has come there since, of the same size and time', async () => {
    await writeFile(at('written'), 'WRITTE');
    await utimes(at('written'), 1_000, 1_000);
    await utimes(at('file'), 1_000, 1_000);
    await rename(at('written'), at('file'));
    expect(await disk.replace(at('new'), at('file'), at('kept'), at('late'))).toBe(
      'replaced another',
    );
    expect(await contents()).toEqual({ file: 'new', kept: 'before', late: 'WRITTE' });
  });

  test('places a file at a path that was emptied since', async () => {
    await rm(at('file'));
    expect(await disk.replace(at('new'), at('file'), at('kept'), at('late'))).toBe('replaced');
    expect(await contents()).toEqual({ file: 'new', kept: 'before' });
  });

  test('does nothing where there is nothing to place', async () => {
    expect(await disk.replace(at('missing'), at('file'), at('kept'), at('late'))).toBe(false);
    await expect(
      disk.replace(at('new'), at('missing/file'), at('kept'), at('late')),
    ).rejects.toMatchObject({ code: 'TRANSFER_FAILED' });
    expect(await contents()).toEqual({ file: 'before', kept: 'before', new: 'new' });
  });
});
