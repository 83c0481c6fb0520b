import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  checkStateDir,
  readState,
  removeState,
  writeState,
  type HostState,
} from '../../src/state-dir/state.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const state: HostState = {
  format: 1,
  id: 'a',
  hostname: 'web1',
  root: '/srv/app',
  syncDirs: [],
  database: { name: 'app', id: 'd' },
  identityFile: '/home/app/.ssh/id_rsa',
  authorizedKeysFile: '/home/app/.ssh/authorized_keys',
  createdAt: new Date(0).toISOString(),
};

let dir: TestDir;
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(() => dir.remove());

const refused = (code: string, what: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(what) as string });

describe('the state folder', () => {
  test('without host.json is that of a machine never initialised', async () => {
    expect(readState(dir.path)).toBeUndefined();
    expect(readState(join(dir.path, 'missing'))).toBeUndefined();
    await removeState(dir.path);
  });

  test('keeps the written values, for this user alone, and nothing else', async () => {
    const folder = join(dir.path, 'new/state');
    await writeState(folder, state);
    await writeState(folder, { ...state, hostname: 'web2' });
    expect(readState(folder)).toEqual({ ...state, hostname: 'web2' });
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'host.json'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['host.json']);
    await removeState(folder);
    expect(readState(folder)).toBeUndefined();
  });

  test.each([
    ['{', 'no JSON'],
    ['[]', 'format'],
    ['null', 'no object'],
    ['', 'no JSON'],
    [JSON.stringify({ ...state, id: '' }), 'id'],
    [JSON.stringify({ ...state, syncDirs: 'x' }), 'syncDirs'],
    [JSON.stringify({ ...state, database: 'x' }), 'database'],
    [JSON.stringify({ ...state, publicKeyFile: 1 }), 'publicKeyFile'],
  ])('names the malformed field: %s', async (text, what) => {
    await writeFile(join(dir.path, 'host.json'), text);
    expect(() => readState(dir.path)).toThrow(refused('BAD_STATE', `malformed (${what})`));
  });

  test('of a newer version is refused as such', async () => {
    await writeFile(join(dir.path, 'host.json'), JSON.stringify({ ...state, format: 2 }));
    expect(() => readState(dir.path)).toThrow(refused('FORMAT_TOO_NEW', 'format 2'));
  });

  test('that cannot be read is no state of a machine never initialised', async () => {
    await mkdir(join(dir.path, 'host.json'));
    expect(() => readState(dir.path)).toThrow(refused('BAD_STATE', 'cannot be read'));
  });

  test('may not lie below the root, nor above it, through symlinks either', async () => {
    const root = join(dir.path, 'root');
    await mkdir(join(root, 'uploads'), { recursive: true });
    await symlink(root, join(dir.path, 'link'));
    for (const bad of [join(root, '.state'), root, dir.path, join(dir.path, 'link/deep/state')]) {
      await expect(checkStateDir(bad, root)).rejects.toThrow(
        refused('BAD_STATE', 'within one another'),
      );
    }
    await checkStateDir(join(dir.path, 'root-state'), root);
  });
});
