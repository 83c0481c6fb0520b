import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  checkGate,
  closeGate,
  formatGateCommand,
  getGateFolder,
  openGateDirs,
  readGateDirs,
  setGateHosts,
} from '../../src/access/gate.js';
import { gateProgram } from '../../src/access/gate-program.js';
import type { Path } from '../../src/model/path.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let dir: TestDir;
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(() => dir.remove());

const all = { root: '/srv/app', syncDirs: [] };
const paths = (...given: string[]): Path[] => given as Path[];
const rules = async (): Promise<unknown> =>
  JSON.parse(await readFile(join(getGateFolder(dir.path), 'rules.json'), 'utf8'));

test('a Python without a module of its standard library is named with the package that is missing', async () => {
  const python = join(dir.path, 'python3');
  await writeFile(
    python,
    '#!/bin/sh\necho "Traceback (most recent call last):" >&2\necho "ModuleNotFoundError: No ' +
      "module named 'ctypes'\" >&2\nexit 1\n",
    { mode: 0o755 },
  );
  await expect(checkGate(dir.path, python)).rejects.toMatchObject({
    code: 'NO_CONFINEMENT',
    message: expect.stringMatching(
      /lacks its own module ctypes.*as python3-minimal is not.*apt-get install python3`/,
    ) as string,
  });
});

describe('the rules', () => {
  test('are for this user alone, and beside the program', async () => {
    await setGateHosts(dir.path, all, ['b', 'a']);
    expect(await rules()).toEqual({ root: '/srv/app', dirs: [], hosts: ['a', 'b'] });
    expect(await readFile(join(getGateFolder(dir.path), 'syncmedia-gate.py'), 'utf8')).toBe(
      gateProgram,
    );
    expect((await readdir(getGateFolder(dir.path))).sort()).toEqual([
      'rules.json',
      'syncmedia-gate.py',
    ]);
    expect((await stat(getGateFolder(dir.path))).mode & 0o777).toBe(0o700);
    for (const name of await readdir(getGateFolder(dir.path)))
      expect((await stat(join(getGateFolder(dir.path), name))).mode & 0o777).toBe(0o600);
  });

  test('open what the app declares, more with each process, and say when there is more', async () => {
    expect(await openGateDirs(dir.path, all, paths('uploads'))).toBe(true);
    expect(await openGateDirs(dir.path, all, paths('media'))).toBe(true);
    expect(await openGateDirs(dir.path, all, paths('uploads'))).toBe(false);
    await setGateHosts(dir.path, all, ['a']);
    expect(await rules()).toEqual({ root: '/srv/app', dirs: ['media', 'uploads'], hosts: ['a'] });
  });

  test('stay within the allow-list of this host, which opens its own', async () => {
    await openGateDirs(dir.path, all, paths('uploads', 'media/private'));
    await openGateDirs(
      dir.path,
      { ...all, syncDirs: ['uploads/photos', '../etc'] },
      paths('uploads/photos/2024', 'media'),
    );
    expect(await readGateDirs(dir.path)).toEqual(['uploads/photos', 'uploads/photos/2024']);
  });

  test('of another root open nothing of the previous root', async () => {
    await openGateDirs(dir.path, all, paths('uploads'));
    expect(await openGateDirs(dir.path, { ...all, root: '/srv/other' }, paths('media'))).toBe(true);
    expect(await readGateDirs(dir.path)).toEqual(['media']);
  });

  test('that cannot be read open nothing, and are written anew', async () => {
    await openGateDirs(dir.path, all, paths('uploads'));
    await writeFile(
      join(getGateFolder(dir.path), 'rules.json'),
      '{ "root": "/srv/app", "dirs": ["uplo',
    );
    expect(await readGateDirs(dir.path)).toEqual([]);
    await openGateDirs(dir.path, all, paths('media'));
    expect(await rules()).toEqual({ root: '/srv/app', dirs: ['media'], hosts: [] });
  });

  test('lose nothing to many who write at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => openGateDirs(dir.path, all, paths(`dir-${index}`))),
    );
    expect(await readGateDirs(dir.path)).toHaveLength(20);
  });

  test('of a gate that is closed let nobody in, and keep what is open', async () => {
    await openGateDirs(dir.path, all, paths('uploads'));
    await setGateHosts(dir.path, all, ['a']);
    await closeGate(dir.path);
    expect(await rules()).toEqual({ root: '/srv/app', dirs: ['uploads'], hosts: [] });
  });
});

describe('the command', () => {
  test('reaches the program with any name of the state folder', async () => {
    const stateDir = join(dir.path, `it's $(touch gone) & é; #`);
    await mkdir(stateDir);
    await setGateHosts(stateDir, all, ['a-1']);
    const stderr = await new Promise((resolve) => {
      const env = { ...process.env, SSH_ORIGINAL_COMMAND: 'id' };
      execFile(
        '/bin/sh',
        ['-c', formatGateCommand(stateDir, 'a-1')],
        { timeout: 10_000, cwd: dir.path, env },
        (_error, _stdout, text) => {
          resolve(text);
        },
      );
    });
    expect(stderr).toBe('syncmedia-gate: only rsync and SFTP for the sync dirs are allowed\n');
    expect(await readdir(dir.path)).not.toContain('gone');
  });

  test('refuses a host id that a shell could misread, and a folder that sshd could misread', () => {
    for (const id of ['', 'a b', 'a;b', '$(id)', '-a', "a'", 'a\nb', 'a'.repeat(65)])
      expect(() => formatGateCommand('/state', id)).toThrow('is no host id');
    for (const folder of ['/a"b', '/a\\b', '/a\nb'])
      expect(() => formatGateCommand(folder, 'a')).toThrow(
        'cannot be written into authorized_keys',
      );
  });
});
