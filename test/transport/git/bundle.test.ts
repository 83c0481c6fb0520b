import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeBundle } from '../../../src/transport/git/bundle.js';
import { never } from '../site.js';
import { makeRepositorySite, readAll, type RepositorySite } from './site.js';

let site: RepositorySite;
beforeEach(async () => {
  site = await makeRepositorySite();
});
afterEach(async () => {
  await site.close();
});

const day = (text: string): Date => new Date(`${text}T12:00:00Z`);

test('a bundle has the days since a time, and git reads it', async () => {
  const { path } = await site.save('a.jpg', 'first', 'v1');
  await site.record([{ path, version: 'v1', at: day('2026-11-27') }], day('2026-11-27'));
  await site.record([{ path, version: 'v2', at: day('2026-11-28') }], day('2026-11-28'));
  const file = join(site.root, 'days.bundle');
  await writeFile(file, await readAll(writeBundle(site.repository, day('2026-11-28'), never)));
  const { stdout } = await promisify(execFile)('git', ['bundle', 'list-heads', file]);
  expect(stdout).toMatch(/^[0-9a-f]+ refs\/heads\/\S+\/2026-11-28\.\S+\n$/);
});

test('a bundle of no day fails, since git could not read it', async () => {
  const { path } = await site.save('a.jpg', 'first', 'v1');
  await site.record([{ path, version: 'v1', at: day('2026-11-27') }], day('2026-11-27'));
  await expect(
    readAll(writeBundle(site.repository, day('2026-11-28'), never)),
  ).rejects.toMatchObject({ code: 'NOT_RECORDED' });
});
