import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { asOtherUser, isRoot } from './other-user.js';

const run = promisify(execFile);
let dir: TestDir;
let at: (name: string) => string;
beforeEach(async () => {
  dir = await makeTestDir();
  at = (name) => `${dir.path}/${name}`;
});
afterEach(() => dir.remove());

const failure = (code: string): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(/\.$/) as string });

describe('stat', () => {
  test('distinguishes the kinds and follows no symlink', async () => {
    await writeFile(at('file'), 'abc', { mode: 0o640 });
    await utimes(at('file'), 1_600_000_000.25, 1_600_000_000.25);
    await symlink(at('file'), at('link'));
    await run('mkfifo', ['--', at('fifo')]);
    const file = await nodeDisk.stat(at('file'));
    expect(file).toEqual({
      kind: 'file',
      mode: 0o640,
      size: 3,
      mtime: 1_600_000_000,
      nanos: 250_000_000,
      gid: (await stat(at('file'))).gid,
      stamp: expect.stringMatching(/^\d+ \d+$/) as string,
    });
    expect((await nodeDisk.stat(at('link')))?.kind).toBe('symlink');
    expect((await nodeDisk.stat(at('fifo')))?.kind).toBe('other');
    expect((await nodeDisk.stat(dir.path))?.kind).toBe('directory');
  });

  test('an mtime before 1970 is rounded down, as rsync sees it', async () => {
    await writeFile(at('old'), '');
    await run('touch', ['-d', '@-1.5', '--', at('old')]);
    expect(await nodeDisk.stat(at('old'))).toMatchObject({ mtime: -2, nanos: 500_000_000 });
  });

  test('absence: nothing there, a file on the way, a name longer than any', async () => {
    await writeFile(at('file'), '');
    expect(await nodeDisk.stat(at('missing'))).toBeUndefined();
    expect(await nodeDisk.stat(at('missing/a'))).toBeUndefined();
    expect(await nodeDisk.stat(at('file/a'))).toBeUndefined();
    expect(await nodeDisk.stat(at('a'.repeat(256)))).toBeUndefined();
  });
});

test('list leaves out names that are not UTF-8', async () => {
  await writeFile(at('é'), '');
  await writeFile(Buffer.concat([Buffer.from(`${dir.path}/b`), Buffer.from([0xff])]), '');
  expect(await nodeDisk.list(dir.path)).toEqual(['é']);
  expect(await nodeDisk.list(at('missing'))).toBeUndefined();
  expect(await nodeDisk.list(at('é'))).toBeUndefined();
});

test('realPath resolves symlinks', async () => {
  await mkdir(at('real'));
  await symlink(at('real'), at('link'));
  expect(await nodeDisk.realPath(at('link'))).toBe(at('real'));
  expect(await nodeDisk.realPath(at('missing'))).toBeUndefined();
});

describe('makeDirectory', () => {
  test('makes one with exactly this mode, and accepts an existing one', async () => {
    const umask = process.umask(0o077);
    try {
      expect(await nodeDisk.makeDirectory(at('new'), 0o755)).toBe(true);
    } finally {
      process.umask(umask);
    }
    expect((await stat(at('new'))).mode & 0o777).toBe(0o755);
    expect(await nodeDisk.makeDirectory(at('new'), 0o700)).toBe(true);
    expect((await stat(at('new'))).mode & 0o777).toBe(0o755);
  });

  test('a setgid directory gives it its group and the bit, whatever the umask', async () => {
    await chmod(dir.path, 0o2755);
    const umask = process.umask(0o077);
    try {
      await nodeDisk.makeDirectory(at('new'), 0o755);
    } finally {
      process.umask(umask);
    }
    await nodeDisk.makeDirectory(at('own'), 0o700);
    expect([(await stat(at('new'))).mode & 0o7777, (await stat(at('own'))).mode & 0o7777]).toEqual([
      0o2755, 0o2700,
    ]);
  });

  test('false where its parent is missing; a file or a symlink is no directory', async () => {
    expect(await nodeDisk.makeDirectory(at('missing/new'), 0o755)).toBe(false);
    await writeFile(at('file'), '');
    await symlink(dir.path, at('link'));
    await expect(nodeDisk.makeDirectory(at('file'), 0o755)).rejects.toThrow(failure('NOT_A_FILE'));
    await expect(nodeDisk.makeDirectory(at('link'), 0o755)).rejects.toThrow(failure('NOT_A_FILE'));
  });
});

describe('link and rename', () => {
  test('link replaces nothing and distinguishes absence from a missing directory', async () => {
    await writeFile(at('a'), 'a');
    expect(await nodeDisk.link(at('a'), at('b'))).toBe('linked');
    expect((await stat(at('b'))).ino).toBe((await stat(at('a'))).ino);
    expect(await nodeDisk.link(at('a'), at('b'))).toBe('exists');
    expect(await nodeDisk.link(at('missing'), at('c'))).toBe('absent');
    await expect(nodeDisk.link(at('a'), at('missing/c'))).rejects.toThrow(failure('LINK_FAILED'));
    await expect(nodeDisk.link(dir.path, at('c'))).rejects.toThrow(failure('LINK_FAILED'));
  });

  test('rename replaces and distinguishes absence from a missing directory', async () => {
    await writeFile(at('a'), 'a');
    await writeFile(at('b'), 'b');
    expect(await nodeDisk.rename(at('a'), at('b'))).toBe(true);
    expect(await readFile(at('b'), 'utf8')).toBe('a');
    expect(await nodeDisk.rename(at('a'), at('c'))).toBe(false);
    await expect(nodeDisk.rename(at('b'), at('missing/c'))).rejects.toThrow(
      failure('TRANSFER_FAILED'),
    );
    await mkdir(at('d'));
    await expect(nodeDisk.rename(at('b'), at('d'))).rejects.toThrow(failure('NOT_A_FILE'));
  });
});

test('remove and removeDirectory', async () => {
  await mkdir(at('full'));
  await writeFile(at('full/a'), '');
  expect(await nodeDisk.removeDirectory(at('full'))).toBe(false);
  await nodeDisk.remove(at('full/a'));
  await nodeDisk.remove(at('full/a'));
  expect(await nodeDisk.removeDirectory(at('full'))).toBe(true);
  expect(await nodeDisk.removeDirectory(at('full'))).toBe(true);
});

describe('reading', () => {
  test('readText', async () => {
    await writeFile(at('a'), 'é\n');
    await writeFile(at('big'), Buffer.alloc(64 * 1024 + 1));
    await symlink(at('a'), at('link'));
    await run('mkfifo', ['--', at('fifo')]);
    expect(await nodeDisk.readText(at('a'))).toBe('é\n');
    expect(await nodeDisk.readText(at('missing'))).toBeUndefined();
    await expect(nodeDisk.readText(at('big'))).rejects.toThrow(failure('TRANSFER_FAILED'));
    await expect(nodeDisk.readText(at('link'))).rejects.toThrow(failure('NOT_A_FILE'));
    await expect(nodeDisk.readText(at('fifo'))).rejects.toThrow(failure('NOT_A_FILE'));
    await expect(nodeDisk.readText(dir.path)).rejects.toThrow(failure('NOT_A_FILE'));
  });

  test('hash, up to its limit', async () => {
    const content = Buffer.alloc(700_000, 'abc');
    await writeFile(at('a'), content);
    await writeFile(at('empty'), '');
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(await nodeDisk.hash(at('a'), 700_000)).toBe(sha256);
    expect(await nodeDisk.hash(at('a'), 699_999)).toBeUndefined();
    expect(await nodeDisk.hash(at('missing'), 1)).toBeUndefined();
    expect(await nodeDisk.hash(at('empty'), 0)).toBe(createHash('sha256').digest('hex'));
  });
});

describe('writeNew', () => {
  test('writes only a new file, with exactly this mode', async () => {
    const umask = process.umask(0o077);
    try {
      await nodeDisk.writeNew(at('a'), Buffer.from('first'), 0o644);
    } finally {
      process.umask(umask);
    }
    expect((await stat(at('a'))).mode & 0o777).toBe(0o644);
    await expect(nodeDisk.writeNew(at('a'), Buffer.from('second'), 0o600)).rejects.toThrow(
      failure('TRANSFER_FAILED'),
    );
    expect(await readFile(at('a'), 'utf8')).toBe('first');
  });

  test.runIf(isRoot)(
    'a full disk is reported as such, and no half file stays',
    async ({ skip }) => {
      await mkdir(at('small'));
      const mounted = await run('mount', [
        '-t',
        'tmpfs',
        '-o',
        'size=64k',
        'none',
        at('small'),
      ]).then(
        () => true,
        () => false,
      );
      if (!mounted) skip('no file system can be mounted here');
      try {
        await expect(
          nodeDisk.writeNew(at('small/a'), Buffer.alloc(1024 * 1024), 0o600),
        ).rejects.toThrow(failure('DISK_FULL'));
        expect(await nodeDisk.list(at('small'))).toEqual([]);
      } finally {
        await run('umount', ['--', at('small')]);
      }
    },
  );
});

test('missing permissions are reported as such', async () => {
  await mkdir(at('closed'));
  await writeFile(at('closed/a'), 'a');
  await chmod(dir.path, 0o755);
  await asOtherUser(at('closed'), async () => {
    const denied = failure('PERMISSION_DENIED');
    await expect(nodeDisk.stat(at('closed/a'))).rejects.toThrow(denied);
    await expect(nodeDisk.list(at('closed'))).rejects.toThrow(denied);
    await expect(nodeDisk.writeNew(at('closed/b'), Buffer.from(''), 0o600)).rejects.toThrow(denied);
    await expect(nodeDisk.makeDirectory(at('closed/c'), 0o755)).rejects.toThrow(denied);
    await expect(nodeDisk.remove(at('closed/a'))).rejects.toThrow(denied);
    await expect(nodeDisk.rename(at('closed/a'), at('closed/b'))).rejects.toThrow(denied);
    await expect(nodeDisk.link(at('closed/a'), at('closed/b'))).rejects.toThrow(
      failure('LINK_FAILED'),
    );
  });
  expect(await readFile(at('closed/a'), 'utf8')).toBe('a');
});
