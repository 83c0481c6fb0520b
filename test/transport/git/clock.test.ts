import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GitHistory } from '../../../src/transport/git/git-history.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { never, self } from '../site.js';
import { limits, makeRepositorySite, type RepositorySite } from './site.js';

const minute = 60_000,
  day = 24 * 60 * minute;

let site: RepositorySite, history: GitHistory;
let databaseTime: Date;
beforeEach(async () => {
  site = await makeRepositorySite();
  databaseTime = new Date();
  const { replica } = site;
  history = new GitHistory({ replica, self, timeoutMs: 30_000 } as unknown as BackendOptions, {
    ...limits,
    stateDir: join(site.root, '..'),
    hostname: 'one',
    now: () => databaseTime,
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await history.close();
  await site.close();
});

/** Sets the clock of this host, and not that of the database. */
function setClock(offset: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: databaseTime.getTime() + offset });
}

test.each([400 * day, -400 * day])('a clock that jumps by %i ms removes no day', async (offset) => {
  const request = await site.save('a.jpg', 'content', 'v1');
  await history.record([request], never);
  setClock(offset);
  await history.maintain(never, databaseTime);
  expect(await history.list(request.path, 10, never)).toHaveLength(1);
  const later = await site.save('b.jpg', 'content', 'v2');
  await history.record([later], never);
  vi.useRealTimers();
  await history.maintain(never, databaseTime);
  expect(await history.list(later.path, 10, never)).toHaveLength(1);
});

test('a host whose clock is ahead forgets what it recorded before the request', async () => {
  setClock(10 * minute);
  const { path, ...rest } = await site.save('secret.jpg', 'a secret', 's1');
  await history.record([{ path, ...rest }], never);
  expect(await history.forget([{ path, at: databaseTime }], never)).toBe(true);
  expect(await history.list(path, 10, never)).toEqual([]);
});

test('a host whose clock is behind keeps what it recorded after the request', async () => {
  setClock(-10 * minute);
  const { path, ...rest } = await site.save('public.jpg', 'public now', 's1');
  const at = new Date(databaseTime.getTime() - minute);
  await history.record([{ path, ...rest }], never);
  await history.forget([{ path, at }], never);
  expect(await history.list(path, 10, never)).toHaveLength(1);
});

test('a version that is to be forgotten is not carried into the day of the one that replaces it', async () => {
  const asked = new Date(databaseTime);
  const { path, ...rest } = await site.save('secret.jpg', 'a secret', 's1');
  databaseTime = new Date(asked.getTime() - day);
  await history.record([{ path, ...rest }], never);
  databaseTime = new Date(asked.getTime() + 5_000);
  const next = await site.save('secret.jpg', 'public now', 's2');
  await history.record([{ ...next, replaces: 's1', forgottenAt: asked }], never);
  await history.forget([{ path, at: asked }], never);
  expect((await history.list(path, 10, never)).map(({ version }) => version)).toEqual(['s2']);
});

test('a version that was recorded after its path was forgotten is carried over', async () => {
  const asked = new Date(databaseTime.getTime() - 2 * day);
  const { path, ...rest } = await site.save('public.jpg', 'current then', 's1');
  databaseTime = new Date(asked.getTime() + minute);
  await history.record([{ path, ...rest, at: new Date(asked.getTime() - minute) }], never);
  databaseTime = new Date(asked.getTime() + 2 * day);
  const next = await site.save('public.jpg', 'public now', 's2');
  await history.record([{ ...next, replaces: 's1', forgottenAt: asked }], never);
  const [mine, ...others] = await history.listOwnDays(never);
  await history.repository.run(['update-ref', '-d', mine?.ref ?? ''], {
    signal: never,
    doing: 'testing',
  });
  expect(others).toHaveLength(1);
  expect(await history.list(path, 10, never)).toHaveLength(2);
});

test('a version that waits for a packing is older than a request to forget it that comes meanwhile', async () => {
  const request = await site.save('secret.jpg', 'a secret', 's1');
  const asked = new Date(databaseTime.getTime() + minute);
  const packing = history.maintain(never, databaseTime);
  const recording = history.record([request], never);
  databaseTime = new Date(asked.getTime() + minute);
  await Promise.all([packing, recording]);
  await history.forget([{ path: request.path, at: asked }], never);
  expect(await history.list(request.path, 10, never)).toEqual([]);
});
