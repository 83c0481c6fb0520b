import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Repository } from '../../../src/transport/git/repository.js';
import { makeTestDir, type TestDir } from '../../harness/tmp.js';
import { never, self } from '../site.js';

let dir: TestDir;
const path = process.env['PATH'];
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(async () => {
  process.env['PATH'] = path;
  await dir.remove();
});

/** Puts a program named git first, which prints this. */
async function installGit(version: string): Promise<void> {
  const folder = join(dir.path, 'bin');
  await mkdir(folder);
  await writeFile(join(folder, 'git'), `#!/bin/sh\necho '${version}'\n`);
  await chmod(join(folder, 'git'), 0o755);
  process.env['PATH'] = `${folder}:${path ?? ''}`;
}

const open = (): Promise<boolean> =>
  new Repository(join(dir.path, 'history'), self, 30_000).open(never);

test.each(['2.35.9', '1.8.3.1', '2.9.0'])(
  'git %s is too old, and the error names the package and the version that is needed',
  async (version) => {
    await installGit(`git version ${version}`);
    await expect(open()).rejects.toMatchObject({
      code: 'MISSING_PROGRAM',
      message: expect.stringMatching(
        /is too old for the history: install git 2\.36 or newer \(`apt-get install git`\)/,
      ) as string,
    });
  },
);

test('a program that is not git is refused like a missing one', async () => {
  await installGit('busybox');
  await expect(open()).rejects.toMatchObject({
    code: 'MISSING_PROGRAM',
    message: expect.stringContaining('install git 2.36 or newer') as string,
  });
});

test('no program at all is refused with the same remedy', async () => {
  process.env['PATH'] = join(dir.path, 'empty');
  await expect(open()).rejects.toMatchObject({
    code: 'MISSING_PROGRAM',
    message: expect.stringContaining('apt-get install git') as string,
  });
});
