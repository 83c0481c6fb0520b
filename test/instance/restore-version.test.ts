import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Config } from '../../src/config/config.js';
import type { HostContext } from '../../src/context/host-context.js';
import type { KnownDirs } from '../../src/context/known-dirs.js';
import type { ThisHost } from '../../src/context/this-host.js';
import type { Registry } from '../../src/hosts/registry.js';
import { createHistoryActions } from '../../src/instance/actions/history.js';
import type { RecordedVersion } from '../../src/model/history.js';
import type { Host } from '../../src/model/host.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { Backend } from '../../src/transport/backend.js';
import type { History } from '../../src/transport/history.js';
import { makePartial } from '../harness/partial.js';
import { openSite, photo, photos, type Site, type SiteReplica } from '../ledger/site.js';

let site: Site, a: SiteReplica, b: SiteReplica;
const cat = photo('cat.jpg'),
  named = { why: 'named' } as const,
  then = Buffer.from('the version of then');

beforeEach(async () => {
  site = await openSite(['A', 'B']);
  [a, b] = [await site.replica('A'), await site.replica('B')];
  await a.write(cat, 'of now', 2_000);
  await a.reconciler.reconcilePaths([cat], named);
});
afterEach(() => site.close());

/** Restores the version on A. `meanwhile` happens while its bytes are read. */
async function restore(
  meanwhile: () => Promise<void> = () => Promise.resolve(),
  { at = 'abcdef', dir = photos, listed = true } = {},
): Promise<string[]> {
  const sha256 = createHash('sha256').update(then).digest('hex');
  const version: RecordedVersion = {
    path: cat,
    version: 'v0',
    host: 'A',
    at: new Date(0),
    as: 'stored',
    author: 'Ada',
    info: { size: then.length, mtime: 1_000, sha256 },
    revision: 'abcdef0123456789',
  };
  const history = makePartial<History>({
    findRevisions: () => Promise.resolve(listed ? [version] : []),
    findAt: (paths, time) =>
      Promise.resolve(
        new Map(paths.flatMap((path) => (time > version.at ? [[path, version]] : []))),
      ),
    async *read() {
      yield then.subarray(0, 4);
      await meanwhile();
      yield then.subarray(4);
    },
  });
  const me = makePartial<Host>({ id: 'A', hostname: 'a', passive: false, status: 'approved' });
  const dirs = new SyncDirs([dir]);
  const hostContext = makePartial<HostContext>({
    config: makePartial<Config>({ chmod: 'F644' }),
    dirs: makePartial<KnownDirs>({ current: () => dirs }),
    replica: new Replica(a.root, () => dirs, { me: () => 'A' }),
    registry: makePartial<Registry>({
      me: () => me,
      all: () => [],
      recipients: () => [],
      find: () => me,
    }),
    me: 'A',
    ledger: site.ledger,
  });
  const captured: string[] = [];
  const { history: actions } = createHistoryActions(
    makePartial<ThisHost>({
      openContext: () => Promise.resolve(hostContext),
      toPath: () => cat,
      ending: new AbortController().signal,
    }),
    () => makePartial<Backend>({ history }),
    makePartial({}),
    (paths) => {
      captured.push(...paths);
      return Promise.resolve();
    },
  );
  await actions.restore(cat, at, { dryRun: false });
  return captured;
}
const readOnA = (): Promise<string> => readFile(join(a.root, cat), 'utf8');

test('a restored version is placed and captured', async () => {
  expect(await restore()).toEqual([cat]);
  expect(await readOnA()).toBe(then.toString());
});

test('a save that comes while the version is read stays, and the restore says so', async () => {
  const restoring = restore(() => a.write(cat, 'saved meanwhile', 3_000));
  await expect(restoring).rejects.toMatchObject({ code: 'CHANGED' });
  expect(await readOnA()).toBe('saved meanwhile');
});

test('a save on another host that comes while the version is read stays', async () => {
  const restoring = restore(async () => {
    await b.write(cat, 'saved on b', 3_000);
    await b.reconciler.reconcilePaths([cat], named);
  });
  await expect(restoring).rejects.toMatchObject({ code: 'CHANGED' });
  expect(await readOnA()).toBe('of now');
  expect(await site.ledger.read(cat)).toMatchObject({ origin: 'B', heldBy: ['B'] });
});

test('a version of a time is found although so many came after it that no list reaches it', async () => {
  expect(await restore(undefined, { at: '2026-11-28', listed: false })).toEqual([cat]);
  expect(await readOnA()).toBe(then.toString());
  await expect(restore(undefined, { at: '1969-11-28' })).rejects.toMatchObject({
    code: 'NOT_RECORDED',
  });
});

test('a path that is excluded by now is not restored: no other host would get it', async () => {
  const dir = { ...photos, exclude: ['cat.*'] };
  await expect(restore(undefined, { dir })).rejects.toMatchObject({ code: 'BAD_PATH' });
  expect(await readOnA()).toBe('of now');
});
