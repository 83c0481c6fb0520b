import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { never } from '../site.js';
import { makeRepositorySite, type RepositorySite } from './site.js';

let site: RepositorySite;
beforeEach(async () => {
  site = await makeRepositorySite();
});
afterEach(() => site.close());

test("an old lock of another host's refs is removed, and one that may be in use stays", async () => {
  const lock = join(site.repository.gitDir, 'refs/heads/host-b/2026-11-28.0123abcd.lock');
  await mkdir(dirname(lock), { recursive: true });
  await writeFile(lock, '');
  await site.repository.open(never);
  expect((await stat(lock)).size).toBe(0);
  const then = Date.now() / 1000 - 120;
  await utimes(lock, then, then);
  await site.repository.open(never);
  await expect(stat(lock)).rejects.toMatchObject({ code: 'ENOENT' });
});
