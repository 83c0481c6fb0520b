import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeFolder } from '../../src/state-dir/remove-folder.js';
import { makeTestDir } from '../harness/tmp.js';

test('a folder is removed with folders that are read-only, and without what its links lead to', async () => {
  const dir = await makeTestDir();
  try {
    const inner = join(dir.path, 'annex/objects/key');
    await mkdir(inner, { recursive: true });
    await mkdir(join(dir.path, 'others'));
    await writeFile(join(inner, 'bytes'), 'x', { mode: 0o444 });
    await symlink(join(dir.path, 'others'), join(dir.path, 'annex/link'));
    await chmod(inner, 0o555);
    await chmod(join(dir.path, 'others'), 0o555);
    await removeFolder(join(dir.path, 'annex'));
    await removeFolder(join(dir.path, 'missing'));
    expect(await readdir(dir.path)).toEqual(['others']);
  } finally {
    await dir.remove();
  }
});
