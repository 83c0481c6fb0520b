import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  listProtectedDirs,
  refuseProtectedDirs,
  type ProtectedDir,
} from '../../src/access/protected-dirs.js';
import type { Path } from '../../src/model/path.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let home: TestDir;
let guarded: ProtectedDir[];
beforeEach(async () => {
  home = await makeTestDir();
  for (const dir of [
    '.ssh/inner',
    'state/gate',
    'app/uploads',
    'app/node_modules/package/files',
    'media',
  ])
    await mkdir(join(home.path, dir), { recursive: true });
  guarded = [
    ...listProtectedDirs(
      {
        authorizedKeysFile: join(home.path, '.ssh/authorized_keys'),
        identityFile: join(home.path, 'state/key'),
      },
      { stateDir: join(home.path, 'state') },
    ).filter(({ isCode }) => !isCode),
    { path: join(home.path, 'app'), what: 'the code of the application', isCode: true },
  ];
});
afterEach(() => home.remove());

const check =
  (dirs: string[], { root = home.path, named = [] as string[] } = {}) =>
  (): void => {
    refuseProtectedDirs(root, dirs as Path[], named, guarded);
  };
const refused = expect.objectContaining({ code: 'BAD_SYNC_DIR' }) as Error;

test.each([
  '.ssh',
  '.ssh/inner',
  'state',
  'state/gate',
  'app',
  'app/node_modules',
  'app/node_modules/package/files',
])('%s is refused', async (dir) => {
  expect(check([dir])).toThrow(refused);
  expect(check(['media', dir])).toThrow(refused);
});

test('a directory that holds a protected one is refused', async () => {
  const parent = join(home.path, '..');
  expect(check([home.path.slice(parent.length + 1)], { root: parent })).toThrow(refused);
});

test('the target of a symlink decides', async () => {
  await symlink('../.ssh', join(home.path, 'media/link'));
  expect(check(['media/link'])).toThrow(refused);
});

test('uploads below the application and directories of their own are accepted, even before they exist', async () => {
  expect(check(['media', 'app/uploads', 'media/later'])).not.toThrow();
});

test('the directory of the application is accepted where init names it', async () => {
  expect(check(['app'], { named: ['app'] })).not.toThrow();
  expect(check(['.ssh'], { named: ['.ssh'] })).toThrow(refused);
});

test('a key right below / closes no sync dir', () => {
  guarded = listProtectedDirs(
    { authorizedKeysFile: '/authorized_keys', identityFile: '/id_rsa' },
    { stateDir: join(home.path, 'state') },
  ).filter(({ isCode }) => !isCode);
  expect(guarded.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['/authorized_keys', '/id_rsa']),
  );
  expect(check(['media'])).not.toThrow();
  expect(check(['state'])).toThrow(refused);
});
