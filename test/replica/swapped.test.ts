import { execFile } from 'node:child_process';
import {
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { SyncMediaError } from '../../src/model/errors.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { Replica } from '../../src/replica/replica.js';
import type { Path } from '../../src/model/path.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

vi.setConfig({ testTimeout: 60_000 });

const secret = 'the secret beside the sync dir';
let dir: TestDir;
let root: Replica;
beforeAll(async () => {
  dir = await makeTestDir();
  await mkdir(join(dir.path, 'root/uploads/a/b'), { recursive: true });
  await mkdir(join(dir.path, 'outside/b'), { recursive: true });
  for (const place of ['outside', 'outside/b'])
    await writeFile(join(dir.path, place, 'file'), secret);
  const dirs = new SyncDirs([
    { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' },
  ]);
  root = new Replica(join(dir.path, 'root'), () => dirs);
});
afterAll(() => dir.remove());

const at = (path: string): string => join(dir.path, 'root/uploads', path);

/** Opens a path and reads it whole; a refusal is an error of ours, never a crash. */
async function read(path: string): Promise<string | undefined> {
  try {
    const file = await root.open(path as Path);
    if (!file) return undefined;
    try {
      return await file.handle.readFile('utf8');
    } finally {
      await file.handle.close();
    }
  } catch (error) {
    expect(error).toBeInstanceOf(SyncMediaError);
    expect([
      'NOT_A_FILE',
      'SYMLINK_IN_PATH',
      'PERMISSION_DENIED',
      'NO_MARKER',
      'BAD_PATH',
      'TRANSFER_FAILED',
    ]).toContain((error as SyncMediaError).code);
    return undefined;
  }
}

test('a read stays in the sync dir, whatever is put on the way to the file', async () => {
  const kind = fc.constantFrom(
    'file',
    'directory',
    'link to the secret',
    'link to its folder',
    'link to the file inside',
    'link to nothing',
    'loop',
    'FIFO',
    'absent',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('a', 'a/b', 'a/b/file', 'file'), kind), {
        minLength: 1,
        maxLength: 5,
      }),
      async (steps) => {
        await rm(at('.'), { recursive: true, force: true });
        await mkdir(at('a/b'), { recursive: true });
        await writeFile(at('inside'), 'inside');
        for (const [path, what] of steps) await put(path, what).catch(() => undefined);
        for (const path of [
          'uploads/a',
          'uploads/a/b',
          'uploads/a/b/file',
          'uploads/file',
          'uploads/a/file',
        ]) {
          const content = await read(path);
          expect(content).not.toBe(secret);
          const hash = await root.hash(path as Path).catch((error: unknown) => {
            expect(error).toBeInstanceOf(SyncMediaError);
            return undefined;
          });
          if (content === undefined) expect(hash).toBeUndefined();
        }
      },
    ),
    { numRuns: 150 },
  );
});

async function put(path: string, what: string): Promise<void> {
  // Not through a link: that would change the secret.
  if ((await realpath(dirname(at(path)))) !== dirname(at(path))) return;
  await rm(at(path), { recursive: true, force: true });
  if (what === 'file') await writeFile(at(path), 'mine');
  else if (what === 'directory') await mkdir(at(path));
  else if (what === 'FIFO') await promisify(execFile)('mkfifo', ['--', at(path)]);
  else if (what !== 'absent') {
    const targets: Record<string, string> = {
      'link to the secret': join(dir.path, 'outside/file'),
      'link to its folder': join(dir.path, 'outside'),
      'link to the file inside': at('inside'),
      'link to nothing': '/no/such',
      loop: at(path),
    };
    await symlink(targets[what] ?? '', at(path));
  }
}

test('a directory that becomes a symlink and a directory again, while files are opened, never shows the secret', async () => {
  await rm(at('.'), { recursive: true, force: true });
  await mkdir(at('a/b'), { recursive: true });
  await writeFile(at('a/b/file'), 'mine');
  await symlink(join(dir.path, 'outside'), at('link'));
  let going = true;
  let swaps = 0;
  const swapping = (async () => {
    while (going) {
      await rename(at('a'), at('kept'));
      await rename(at('link'), at('a'));
      await rename(at('a'), at('link'));
      await rename(at('kept'), at('a'));
      swaps++;
    }
  })();
  const seen = new Map<string | undefined, number>();
  try {
    for (
      let round = 0;
      (round < 400 || swaps < 200 || !seen.has('mine')) && round < 20_000;
      round++
    ) {
      for (const content of await Promise.all([read('uploads/a/b/file'), read('uploads/a/file')]))
        seen.set(content, (seen.get(content) ?? 0) + 1);
    }
  } finally {
    going = false;
    await swapping;
  }
  expect([...seen.keys()].filter((content) => content !== undefined)).toEqual(['mine']);
});

test('devices are no files', async () => {
  await rm(at('.'), { recursive: true, force: true });
  await mkdir(at('.'), { recursive: true });
  await symlink('/dev/zero', at('zero'));
  expect(await read('uploads/zero')).toBeUndefined();
  if (process.geteuid?.() === 0) {
    const made = await promisify(execFile)('mknod', [at('null'), 'c', '1', '3']).then(
      () => true,
      () => false,
    );
    if (made) {
      await expect(root.open('uploads/null' as Path)).rejects.toThrow(
        expect.objectContaining({ code: 'NOT_A_FILE' }),
      );
      await unlink(at('null'));
    }
  }
});

test('the secret is still there', async () => {
  expect(await readFile(join(dir.path, 'outside/file'), 'utf8')).toBe(secret);
});
