import { expect, test } from 'vitest';
import { createReplacedFileResolver } from '../../src/replication/resolve-replaced.js';
import type { ReplacedBy } from '../../src/model/resolution.js';
import { SyncMediaError } from '../../src/model/errors.js';
import { EventBus, type Events } from '../../src/model/events.js';
import type { Host } from '../../src/model/host.js';
import type { LocalFileInfo } from '../../src/model/file.js';
import { fileEntry, tombstoneEntry } from '../decisions/entries.js';

const old = {
  size: 80_000_000,
  mtime: 900,
  nanos: 0,
  sha256: 'bb',
  version: 'v0',
  conflicting: false,
};
const entry = fileEntry({
  info: { size: 90_000_000, mtime: 1_000, nanos: 0, sha256: 'aa' },
  superseded: [old],
});
const resolve = (found: LocalFileInfo, by: ReplacedBy, of = entry, hosts: readonly Host[] = []) =>
  createReplacedFileResolver({ read: () => Promise.resolve(of) }, { all: () => hosts })(
    'B',
    () => ({
      version: 'v1',
      ruled: false,
    }),
  )(of.path, found, by, () => Promise.resolve(undefined));

test('a large old version goes to the trash, whether it was replaced or removed, though it cannot be hashed there', async () => {
  expect(await resolve(old, 'replaced')).toBe('trash');
  expect(await resolve(old, 'removed', tombstoneEntry({ superseded: [old] }))).toBe('trash');
});

test('a lost one is a conflict', async () => {
  expect(
    await resolve(old, 'replaced', { ...entry, superseded: [{ ...old, conflicting: true }] }),
  ).toBe('conflict');
});

test('a file that cannot be hashed is never dropped or put back as current', async () => {
  expect(await resolve({ size: 90_000_000, mtime: 1_000, nanos: 0 }, 'replaced')).toBe('conflict');
  expect(await resolve({ size: 90_000_000, mtime: 1_001, nanos: 0 }, 'replaced')).toBe('conflict');
});

test('unknown bytes are put back only on a host that captures its own files: active, ready and not retired', async () => {
  const newer = { size: 5, mtime: 2_000, nanos: 1 },
    host = { id: 'B', passive: false, status: 'approved', readyAt: new Date() } as Host;
  const resolveOn = (fields: Partial<Host>): ReturnType<typeof resolve> =>
    resolve(newer, 'replaced', entry, [{ ...host, ...fields }]);
  expect(await resolveOn({})).toBe('put-back');
  expect(await resolveOn({ status: 'paused' })).toBe('put-back');
  for (const other of [
    { passive: true },
    { status: 'retired' },
    { readyAt: undefined },
    { id: 'C' },
  ] as Partial<Host>[])
    expect(await resolveOn(other)).toBe('conflict');
});

test('a version that a conflict rule has chosen wins over bytes it does not know', async () => {
  const host = { id: 'B', passive: false, status: 'approved', readyAt: new Date() } as Host;
  const resolver = createReplacedFileResolver(
    { read: () => Promise.resolve(entry) },
    { all: () => [host] },
  )('B', () => ({ version: 'v1', ruled: false, overrules: true }));
  expect(
    await resolver(entry.path, { size: 5, mtime: 2_000, nanos: 1 }, 'replaced', () =>
      Promise.resolve('cc'),
    ),
  ).toBe('conflict');
});

test('bytes with the size and date of a version are rotten; with another fraction of the date they are a new version', async () => {
  const host = { id: 'B', passive: false, status: 'approved', readyAt: new Date() } as Host;
  const small = fileEntry({
    info: { size: 4, mtime: 1_000, nanos: 5, sha256: 'aa' },
    capturedBy: 'A',
  });
  const resolveRot = (nanos: number): Promise<unknown> =>
    createReplacedFileResolver({ read: () => Promise.resolve(small) }, { all: () => [host] })(
      'B',
      () => ({
        version: 'v1',
        ruled: false,
      }),
    )(small.path, { size: 4, mtime: 1_000, nanos }, 'replaced', () => Promise.resolve('bb'));
  expect(await resolveRot(0)).toBe('conflict');
  expect(await resolveRot(5)).toBe('conflict');
  expect(await resolveRot(6)).toBe('put-back');
});

test('a folder of leftovers that stays is reported with its host', () => {
  const reported: Events['failed'][] = [];
  const events = new EventBus();
  events.on('failed', (event) => reported.push(event));
  const host = { id: 'B', hostname: 'web2' } as Host;
  const error = new SyncMediaError('TRANSFER_FAILED', 'i/o error');
  createReplacedFileResolver(
    { read: () => Promise.resolve(undefined) },
    { all: () => [host] },
    events,
  )('B', () => undefined).onUnresolved?.('/srv/uploads/.syncmedia/replaced/1', error);
  expect(reported).toEqual([
    {
      doing: 'resolving replaced files in /srv/uploads/.syncmedia/replaced/1 of web2',
      error,
    },
  ]);
});
