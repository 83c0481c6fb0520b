import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Config } from '../../src/config/config.js';
import type { KnownDirs } from '../../src/context/known-dirs.js';
import type { LeaderContext } from '../../src/context/leader-context.js';
import type { Entry } from '../../src/model/entry.js';
import type { RecordedVersion } from '../../src/model/history.js';
import type { Run } from '../../src/model/run.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { RunProgress } from '../../src/runs/run-progress.js';
import { runRestoreToTime } from '../../src/runs/restore-to-time.js';
import type { Backend } from '../../src/transport/backend.js';
import type { History } from '../../src/transport/history.js';
import { makeRun } from '../admin/recording-instance.js';
import { makePartial } from '../harness/partial.js';
import { openSite, photo, photos, type Site, type SiteReplica } from '../ledger/site.js';

let site: Site, a: SiteReplica, b: SiteReplica;
const cat = photo('cat.jpg'),
  named = { why: 'named' } as const;
const then = Buffer.from('the version of then');

beforeEach(async () => {
  site = await openSite(['A', 'B']);
  [a, b] = [await site.replica('A'), await site.replica('B')];
  for (const [content, mtime] of [
    [then.toString(), 1_000],
    ['of now', 2_000],
  ] as const) {
    await a.write(cat, content, mtime);
    await a.reconciler.reconcilePaths([cat], named);
  }
});
afterEach(() => site.close());

const nothing = (): Promise<void> => Promise.resolve();

/** Restores the sync dir on A. `meanwhile` happens while the version is read. */
async function restore(
  meanwhile: () => Promise<void> = nothing,
  over: Partial<Run> = {},
  readSmall: History['readSmall'] = () => Promise.resolve(new Map()),
): Promise<Run> {
  const info = { size: then.length, mtime: 1_000, sha256: hash(then) };
  const version = makePartial<RecordedVersion>({ path: cat, as: 'stored', info });
  const history = makePartial<History>({
    findAt: () => Promise.resolve(new Map([[cat, version]])),
    readSmall,
    async *read() {
      yield then.subarray(0, 4);
      await meanwhile();
      yield then.subarray(4);
    },
  });
  const context = makePartial<LeaderContext>({
    backend: makePartial<Backend>({ history }),
    config: makePartial<Config>({ chmod: 'F644' }),
    dirs: makePartial<KnownDirs>({ current: () => new SyncDirs([photos]) }),
    me: 'A',
    disk: a.disk,
    ledger: site.ledger,
    reconciler: a.reconciler,
    findSyncDir: () => photos,
    enqueue: () => undefined,
  });
  const requestedAt = new Date(Date.now() + 1);
  const run = makeRun({ kind: 'restore', at: 'A', requestedAt, ...over });
  const progress = new RunProgress(run, new AbortController().signal);
  await runRestoreToTime(context, progress, new Date(0));
  return progress.run;
}
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const readOnA = (): Promise<string> => readFile(join(a.root, cat), 'utf8');
async function readEntry(): Promise<Entry> {
  const entry = await site.ledger.read(cat);
  if (!entry) throw new Error('no entry');
  return entry;
}
async function listArea(area: string): Promise<string[]> {
  const found = await readdir(join(a.root, photos.path, '.syncmedia', area), {
    recursive: true,
  }).catch(() => []);
  return found.filter((name) => name.endsWith('cat.jpg'));
}
const isChanged = { files: 0, failures: [{ host: 'A', failure: { code: 'CHANGED' } }] };

test('without a save meanwhile the version of then is the new one', async () => {
  expect(await restore()).toMatchObject({ files: 1, failures: [] });
  expect(await readOnA()).toBe(then.toString());
  expect(await readEntry()).toMatchObject({
    info: { sha256: hash(then) },
    author: 'admin',
    pending: ['B'],
  });
});

test.each([true, false])(
  'a save that comes while the version is read stays, and the run names it (captured: %s)',
  async (isCaptured) => {
    const run = await restore(async () => {
      await a.write(cat, 'saved meanwhile', 3_000);
      if (isCaptured) await a.reconciler.reconcilePaths([cat], named);
    });
    expect(run).toMatchObject(isChanged);
    expect(await readOnA()).toBe('saved meanwhile');
    await a.reconciler.reconcilePaths([cat], named);
    expect((await readEntry()).info?.sha256).toBe(hash(Buffer.from('saved meanwhile')));
    expect([await listArea('conflicts'), await listArea('tmp')]).toEqual([[], []]);
  },
);

test('a save that nothing has captured yet stays', async () => {
  const { version } = await readEntry();
  await a.write(cat, 'saved before', 3_000);
  expect(await restore()).toMatchObject(isChanged);
  expect(await readOnA()).toBe('saved before');
  expect((await readEntry()).version).toBe(version);
});

test('a save on another host that comes while the version is read stays', async () => {
  const run = await restore(async () => {
    await b.write(cat, 'saved on b', 3_000);
    await b.reconciler.reconcilePaths([cat], named);
  });
  expect(run).toMatchObject(isChanged);
  expect(await readOnA()).toBe('of now');
  expect(await readEntry()).toMatchObject({ origin: 'B', heldBy: ['B'], pending: ['A'] });
});

test('a save on another host that is recorded right after the placing stays, and the restored file gives way', async () => {
  const place = a.disk.placeVersion.bind(a.disk);
  a.disk.placeVersion = async (...restored) => {
    await place(...restored);
    await b.write(cat, 'saved on b', 3_000);
    await b.reconciler.reconcilePaths([cat], named);
  };
  expect(await restore()).toMatchObject(isChanged);
  await expect(readOnA()).rejects.toThrow('ENOENT');
  expect(await readEntry()).toMatchObject({ origin: 'B', heldBy: ['B'], pending: ['A'] });
  expect((await listArea('trash')).length).toBeGreaterThan(0);
});

test('a run that starts again after it placed the version makes it the new one', async () => {
  await a.write(cat, then.toString(), 4_000);
  expect(await restore(() => Promise.reject(new Error('read')))).toMatchObject({
    files: 1,
    failures: [],
  });
  expect((await readEntry()).info).toMatchObject({ mtime: 4_000, sha256: hash(then) });
});

test('a save after the end that the request names stays', async () => {
  const restoresBefore = new Date((await readEntry()).capturedAt.getTime() - 1);
  expect(await restore(nothing, { restoresBefore })).toMatchObject({
    filesFound: 0,
    files: 0,
    failures: [],
  });
  expect(await readOnA()).toBe('of now');
});

test('versions that cannot be read together are read one after the other', async () => {
  const failing = (): Promise<never> => Promise.reject(new Error('a damaged version among them'));
  expect(await restore(nothing, {}, failing)).toMatchObject({ files: 1, failures: [] });
  expect(await readOnA()).toBe(then.toString());
});
