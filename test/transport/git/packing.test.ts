import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GitHistory } from '../../../src/transport/git/git-history.js';
import { maintainRepository } from '../../../src/transport/git/maintain.js';
import { readSmallVersions } from '../../../src/transport/git/read-small.js';
import { listVersions } from '../../../src/transport/git/list.js';
import { recordVersions } from '../../../src/transport/git/record.js';
import { Repository } from '../../../src/transport/git/repository.js';
import type { RecordedVersion } from '../../../src/model/history.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { makeTestDir, type TestDir } from '../../harness/tmp.js';
import { makeRecordedFiles } from '../recorded-files.js';
import { never, self } from '../site.js';
import { mountSmallDisk, smallDiskIsMissing } from '../small-disk.js';
import { hostileNames, limits, makeRepositorySite } from './site.js';

const MB = 1024 * 1024;
const noDisk = await smallDiskIsMissing();
if (noDisk !== undefined) console.warn(`SKIPPED, a full disk: ${noDisk}`);

let dir: TestDir;
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(() => dir.remove());

test('a history of many packs is packed before the day is over', async () => {
  const options = { self, timeoutMs: 30_000 } as BackendOptions;
  const history = new GitHistory(options, { ...limits, stateDir: dir.path, hostname: 'one' });
  await history.open(never);
  const git = async (args: string[], input: string): Promise<string> => {
    const options = { signal: never, doing: 'testing', input };
    return (await history.repository.run(args, options)).output.toString();
  };
  for (let number = 0; number <= 50; number++) {
    expect(await history.needsPacking(never)).toBe(false);
    const blob = await git(['hash-object', '-w', '--stdin'], `blob ${String(number)}`);
    await git(['pack-objects', '-q', `${history.place}/objects/pack/pack`], blob);
  }
  expect(await history.needsPacking(never)).toBe(true);
  await history.maintain(never);
  expect(await history.needsPacking(never)).toBe(false);
  await history.close();
});

test.skipIf(noDisk !== undefined)(
  'a packing for which the disk has no room says so, and leaves nothing of it',
  async () => {
    const files = await makeRecordedFiles();
    const disk = await mountSmallDisk(join(dir.path, 'small'), 8 * MB);
    try {
      const repository = new Repository(join(disk.path, 'git'), self, 30_000);
      await repository.open(never);
      const context = { repository, replica: files.replica, limits, hostname: 'one' };
      for (const version of ['v1', 'v2', 'v3', 'v4', 'v5']) {
        const request = await files.save('a.jpg', randomBytes(MB), version);
        expect(await recordVersions(context, [request], never)).toEqual([]);
      }
      await expect(maintainRepository(repository, limits, never)).rejects.toMatchObject({
        code: 'DISK_FULL',
      });
      expect(await readdir(join(repository.gitDir, 'objects/pack'))).toEqual([]);
    } finally {
      await disk.remove();
      await files.remove();
    }
  },
);

test('small versions of any name are read by one git, and those with other bytes or none are left out', async () => {
  const site = await makeRepositorySite();
  try {
    const names = ['empty.jpg', 'lines.jpg', ...hostileNames.filter((name) => !/ $/.test(name))];
    const requests = [];
    for (const [index, name] of names.entries()) {
      const content = name === 'empty.jpg' ? '' : `${name}\n\n0 blob 5\n`;
      requests.push(await site.save(name, content, `v${String(index)}`));
    }
    expect(await site.record(requests)).toEqual([]);
    const versions: RecordedVersion[] = [];
    for (const { path } of requests)
      versions.push(...(await listVersions(site.repository, path, 1, never)));
    expect(versions).toHaveLength(names.length);
    const [first, second, ...others] = versions as [RecordedVersion, RecordedVersion];
    const wrong = { ...second, info: { size: 1, mtime: 1, sha256: 'f'.repeat(64) } };
    const unknown = { ...second, version: 'unknown' };
    const asked = [unknown, first, wrong, { ...first, as: 'removed' as const }, ...others];
    const read = await readSmallVersions(site.repository, asked, never);
    expect([...read.keys()]).toEqual([first, ...others]);
    expect(read.get(first)).toHaveLength(0);
    for (const version of others as RecordedVersion[])
      expect(String(read.get(version))).toMatch(/\n\n0 blob 5\n$/);
  } finally {
    await site.close();
  }
});
