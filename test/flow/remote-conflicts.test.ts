import { createHash } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: Site, one: Machine, two: Machine;
let file: string, keptAs: string;
let count = 0;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
});
afterAll(() => site.close());

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const cli = (...args: string[]) =>
  runCli(args, { env: { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri } });

/** Host two has a file and, among its conflicts, another version of it. */
beforeEach(async () => {
  count++;
  file = `${dir}/cat-${String(count)}.jpg`;
  keptAs = `.syncmedia/conflicts/0m2abcdef-${String(count).padStart(16, '0')}/cat-${String(count)}.jpg`;
  await two.write(file, 'winner');
  await two.app.Photo.create({ title: 'cat', file });
  await until(async () => (await one.read(file)) === 'winner');
  await untilNothingPending(site);
  await two.write(`${dir}/${keptAs}`, 'loser', 1_700_000_000);
});

const listed = async () =>
  (await one.app.sync.conflicts.list({ host: 'two' })).filter(({ path }) => path === file);

test('conflicts of another host are listed with the current version, and compared', async () => {
  const { conflicts } = one.app.sync;
  expect(await listed()).toEqual([
    {
      host: 'two',
      dir,
      path: file,
      keptAs,
      at: expect.any(Date) as unknown,
      size: 5,
      why: 'bytes that the ledger does not know',
      current: { size: 6, sha256: sha256('winner'), capturedAt: expect.any(Date) as unknown },
    },
  ]);
  expect(await conflicts.compare(dir, keptAs, 'two')).toMatchObject({
    host: 'two',
    path: file,
    conflict: { size: 5, mtime: new Date(1_700_000_000_000), sha256: sha256('loser') },
    here: { size: 6, sha256: sha256('winner') },
    identical: false,
  });
});

test('a kept file with the bytes of the current version is no conflict, on any host', async () => {
  await two.write(`${dir}/${keptAs}`, 'winner', 1_700_000_000);
  expect(await listed()).toEqual([]);
  expect((await two.app.sync.conflicts.list()).filter(({ path }) => path === file)).toEqual([]);
});

test('a conflict of another host that is used there wins on every host', async () => {
  const { sync } = one.app;
  const run = await sync.conflicts.restore(dir, keptAs, {
    host: 'two',
    shown: { kept: sha256('loser'), current: sha256('winner') },
    by: 'ops',
  });
  expect(run).toMatchObject({ kind: 'restore', requestedBy: 'ops' });
  expect(await sync.runs.follow(run?.id ?? '')).toMatchObject({ state: 'done', files: 1 });
  await until(async () => (await one.read(file)) === 'loser');
  expect(await two.read(file)).toBe('loser');
  expect(await listed()).toEqual([]);
  const trash = await sync.recoverable.list('trash', { host: 'two' });
  const replaced = trash.find(({ path }) => path === file);
  expect(replaced).toMatchObject({ host: 'two', size: 6 });
  // And back again, out of the trash.
  const back = await sync.recoverable.restore(dir, replaced?.keptAs ?? '', { host: 'two' });
  expect(await sync.runs.follow(back?.id ?? '')).toMatchObject({ state: 'done' });
  await until(async () => (await one.read(file)) === 'winner');
});

test('a conflict of another host that is dropped lies in its trash, and the file stays', async () => {
  await one.app.sync.conflicts.discard(dir, keptAs, { host: 'two' });
  expect(await listed()).toEqual([]);
  expect(await two.read(file)).toBe('winner');
  expect(
    (await two.app.sync.recoverable.list('trash')).filter(({ path }) => path === file),
  ).toMatchObject([{ size: 5 }]);
});

describe('a file that changed since it was shown', () => {
  test('is neither used nor dropped, here and on another host', async () => {
    const shown = { kept: sha256('loser'), current: sha256('winner') };
    await two.write(file, 'newer!');
    for (const [machine, host] of [
      [one, 'two'],
      [two, undefined],
    ] as const) {
      const decision = { shown, ...(host && { host }) };
      await expect(machine.app.sync.conflicts.discard(dir, keptAs, decision)).rejects.toMatchObject(
        { code: 'CHANGED' },
      );
    }
    await expect(two.app.sync.conflicts.restore(dir, keptAs, { shown })).rejects.toMatchObject({
      code: 'CHANGED',
    });
    const run = await one.app.sync.conflicts.restore(dir, keptAs, { host: 'two', shown });
    expect(await one.app.sync.runs.follow(run?.id ?? '')).toMatchObject({
      state: 'failed',
      failure: { code: 'CHANGED' },
    });
    expect(await two.read(file)).toBe('newer!');
    expect(await two.read(`${dir}/${keptAs}`)).toBe('loser');
  });

  test('is noticed if there was none', async () => {
    const shown = { current: null };
    await expect(
      one.app.sync.conflicts.discard(dir, keptAs, { host: 'two', shown }),
    ).rejects.toMatchObject({ code: 'CHANGED' });
  });
});

test('the command line uses and drops by path', async () => {
  const used = await cli('conflicts', 'use', file, '--host', 'two');
  expect([used.code, used.stdout]).toEqual([0, expect.stringContaining('restore') as unknown]);
  await until(async () => (await one.read(file)) === 'loser');
  const none = await cli('conflicts', 'drop', file, '--host', 'two');
  expect([none.code, none.stderr]).toEqual([
    1,
    expect.stringContaining('has no conflict there') as unknown,
  ]);
  await two.write(`${dir}/${keptAs}`, 'again', 1_700_000_000);
  const dropped = await cli('conflicts', 'drop', file, '--host', 'two');
  expect([dropped.code, dropped.stdout]).toEqual([
    0,
    expect.stringContaining('it is in the trash') as unknown,
  ]);
});

describe('the content of a conflict', () => {
  const png = Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1');

  test('is shown if it is a picture by its bytes, of at most 10 MiB', async () => {
    await two.write(`${dir}/${keptAs}`, png);
    const { conflicts } = one.app.sync;
    for (const [machine, host] of [
      [one, 'two'],
      [two, undefined],
    ] as const) {
      const { readPicture } = machine.app.sync.conflicts;
      expect(await readPicture(dir, keptAs, 'kept', host)).toEqual({
        type: 'image/png',
        bytes: png,
      });
      expect(await readPicture(dir, keptAs, 'current', host)).toBeUndefined();
    }
    await two.write(`${dir}/${keptAs}`, Buffer.concat([png, Buffer.alloc(10 * 1024 * 1024)]));
    expect(await conflicts.readPicture(dir, keptAs, 'kept', 'two')).toBeUndefined();
  });

  test('comes from no other file: no name and no symlink leads out of the conflicts', async () => {
    await writeFile(join(two.ssh.root, 'secret.png'), png);
    const link = join(two.ssh.root, dir, '.syncmedia/conflicts/link');
    await rm(link, { force: true });
    await symlink(two.ssh.root, link);
    const direct = join(two.ssh.root, dir, '.syncmedia/conflicts/direct/secret.png');
    await mkdir(dirname(direct), { recursive: true });
    await rm(direct, { force: true });
    await symlink(join(two.ssh.root, 'secret.png'), direct);
    const { conflicts } = one.app.sync;
    for (const name of [
      '.syncmedia/conflicts/link/secret.png',
      '.syncmedia/conflicts/direct/secret.png',
      '.syncmedia/conflicts/../../../../secret.png',
      '.syncmedia/conflicts/x/../../../../secret.png',
      '.syncmedia/conflicts//secret.png',
      '.syncmedia/id',
      '../../secret.png',
      '/etc/passwd',
    ])
      for (const ask of [
        () => conflicts.readPicture(dir, name, 'kept', 'two'),
        () => conflicts.compare(dir, name, 'two'),
        () => conflicts.discard(dir, name, { host: 'two' }),
      ])
        await expect(ask(), name).rejects.toMatchObject({
          code: expect.stringMatching(/^(BAD_PATH|SYMLINK_IN_PATH|NOT_A_FILE)$/) as unknown,
        });
    for (const other of ['..', '../..', 'etc', `${dir}/..`, ''])
      await expect(conflicts.compare(other, keptAs, 'two')).rejects.toMatchObject({
        code: 'BAD_SYNC_DIR',
      });
    await rm(link);
    await rm(dirname(direct), { recursive: true });
  });
});

test('a host that is not approved, unregistered or down is not read, and says so', async () => {
  const { sync } = one.app;
  await expect(sync.conflicts.list({ host: 'nobody' })).rejects.toMatchObject({
    code: 'UNKNOWN_HOST',
  });
  await two.ssh.stop({ hard: true });
  await expect(sync.conflicts.list({ host: 'two' })).rejects.toMatchObject({
    code: 'HOST_UNREACHABLE',
  });
  await two.ssh.start();
  await site.database.connection
    .collection('syncmedia_hosts')
    .updateOne({ hostname: 'two' }, { $set: { status: 'pending' } });
  await expect(sync.conflicts.list({ host: 'two' })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  await site.database.connection
    .collection('syncmedia_hosts')
    .updateOne({ hostname: 'two' }, { $set: { status: 'approved' } });
});
