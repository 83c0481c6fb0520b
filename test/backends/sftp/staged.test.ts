import { mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRsyncBackend } from '../../../src/backends/rsync/rsync-backend.js';
import { Staged } from '../../../src/backends/sftp/staged.js';
import { safePath } from '../../../src/root/paths.js';
import type { Change, Facts } from '../../../src/words.js';
import { until } from '../../harness/wait.js';
import { collect, makeSite, never, photos, put, type Site } from '../site.js';

const path = safePath(`${photos.path}/a.jpg`), mtime = 1_700_000_000;
let site: Site;
const inTmp = (): Promise<string[]> => readdir(join(site.rootThere, photos.path, '.syncmedia/tmp'));
const there = (): string => join(site.rootThere, path);

/** Writes it here, and reads it as a fold does that is about to store its version. */
async function write(content: string, at = path): Promise<Facts> {
  await put(site.here, at, content, mtime);
  const seen = await site.options.root.hash(at, { keeps: true });
  if (!seen) throw new Error('it is not there');
  return seen;
}
const changeOf = (facts: Facts, at = path): Change & { do: 'put' } => ({ path: at, dir: photos, version: 'v1', do: 'put', facts });
const send = async (facts: Facts): Promise<unknown> => (await collect(site.backend.send(site.host, [changeOf(facts)], never))).get(path)?.result;

describe('a small file that is sent ahead', () => {
  beforeEach(async () => {
    site = await makeSite(createRsyncBackend, { backend: { stagedMs: 300 } });
    // Before the marker was seen there once nothing is sent there.
    await put(site.here, `${photos.path}/first.jpg`, 'first', mtime);
    await collect(site.backend.send(site.host, [{ ...changeOf({ size: 5, mtime }), path: safePath(`${photos.path}/first.jpg`) }], never));
  });
  afterEach(() => site.close());

  test('is placed by the delivery of the same content, and nothing else of it is left', async () => {
    const facts = await write('meow');
    site.backend.stage?.(site.host, { path, dir: photos, facts });
    await until(async () => (await inTmp()).length === 1);
    await expect(stat(there())).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await send(facts)).toBe('delivered');
    expect(await readFile(there(), 'utf8')).toBe('meow');
    const { mtimeMs, mode } = await stat(there());
    expect([mtimeMs, mode & 0o777]).toEqual([mtime * 1000, 0o644]);
    expect(await inTmp()).toEqual([]);
  });

  test('is not placed by a delivery of another content, and is removed when nobody asks for it', async () => {
    site.backend.stage?.(site.host, { path, dir: photos, facts: await write('meow') });
    expect(await send(await write('purr'))).toBe('delivered');
    expect(await readFile(there(), 'utf8')).toBe('purr');
    await until(async () => (await inTmp()).length === 0);
    expect(await readFile(there(), 'utf8')).toBe('purr');
  });

  test('is nowhere once its source is gone', async () => {
    const facts = await write('meow');
    site.backend.stage?.(site.host, { path, dir: photos, facts });
    await rm(join(site.here, path));
    expect(await send(facts)).toBe('vanished');
    expect(await inTmp()).toEqual([]);
    await expect(stat(there())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is sent anew where somebody removed it, and nothing is blocked', async () => {
    const facts = await write('meow');
    site.backend.stage?.(site.host, { path, dir: photos, facts });
    await until(async () => (await inTmp()).length === 1);
    for (const name of await inTmp()) await rm(join(site.rootThere, photos.path, '.syncmedia/tmp', name));
    expect(await send(facts)).toBe('delivered');
    expect(await readFile(there(), 'utf8')).toBe('meow');
  });

  test('is not placed where the way to its place leads elsewhere, whatever was looked at before', async () => {
    const inside = safePath(`${photos.path}/sub/a.jpg`);
    const facts = await write('meow', inside);
    await mkdir(join(site.rootThere, 'elsewhere'));
    await symlink(join(site.rootThere, 'elsewhere'), join(site.rootThere, photos.path, 'sub'));
    site.backend.stage?.(site.host, { path: inside, dir: photos, facts });
    const outcome = (await collect(site.backend.send(site.host, [changeOf(facts, inside)], never))).get(inside);
    expect(outcome).toMatchObject({ result: 'refused', failure: { code: 'SYMLINK_IN_PATH' } });
    expect(await readdir(join(site.rootThere, 'elsewhere'))).toEqual([]);
    await until(async () => (await inTmp()).length === 0);
  });

  test('is placed below directories that are missing', async () => {
    const inside = safePath(`${photos.path}/2026/11/a.jpg`);
    const facts = await write('meow', inside);
    site.backend.stage?.(site.host, { path: inside, dir: photos, facts });
    expect((await collect(site.backend.send(site.host, [changeOf(facts, inside)], never))).get(inside)).toMatchObject({ result: 'delivered' });
    expect(await readFile(join(site.rootThere, inside), 'utf8')).toBe('meow');
    expect(await inTmp()).toEqual([]);
  });

  test('is not placed while the sync dir is not mounted here', async () => {
    const facts = await write('meow');
    await rm(join(site.here, photos.path, '.syncmedia/id'));
    site.backend.stage?.(site.host, { path, dir: photos, facts });
    expect((await collect(site.backend.send(site.host, [changeOf(facts)], never))).get(path)).toMatchObject({ result: 'failed', failure: { code: 'NO_MARKER' } });
    await expect(stat(there())).rejects.toMatchObject({ code: 'ENOENT' });
    await until(async () => (await inTmp()).length === 0);
  });

  test('makes nothing where the sync dir is not mounted any more', async () => {
    const inside = safePath(`${photos.path}/2026/11/a.jpg`);
    const facts = await write('meow', inside);
    site.backend.stage?.(site.host, { path: inside, dir: photos, facts });
    await until(async () => (await inTmp()).length === 1);
    await rename(join(site.rootThere, photos.path), join(site.rootThere, 'unmounted'));
    await mkdir(join(site.rootThere, photos.path));
    const outcome = (await collect(site.backend.send(site.host, [changeOf(facts, inside)], never))).get(inside);
    expect(outcome).toMatchObject({ result: 'failed', failure: { code: 'NO_MARKER' } });
    expect(await readdir(join(site.rootThere, photos.path))).toEqual([]);
  });

  test('leaves nothing there when its source has become something else', async () => {
    const facts = await write('meow');
    site.backend.stage?.(site.host, { path, dir: photos, facts });
    await until(async () => (await inTmp()).length === 1);
    await rm(join(site.here, path));
    await mkdir(join(site.here, path));
    await send(facts);
    expect(await inTmp()).toEqual([]);
  });

  test('is not sent where the sync dir was never seen to be marked, and a delivery tells why', async () => {
    await rm(join(site.rootThere, photos.path, '.syncmedia'), { recursive: true });
    const facts = await write('meow');
    site.backend.stage?.(site.host, { path, dir: photos, facts });
    expect((await collect(site.backend.send(site.host, [changeOf(facts)], never))).get(path)).toMatchObject({ result: 'failed', failure: { code: 'NO_MARKER' } });
    expect(await readdir(join(site.rootThere, photos.path))).toEqual(['first.jpg']);
  });
});

test('a host that stops answering meanwhile is a failure, and nothing else', async () => {
  site = await makeSite(createRsyncBackend, { backend: { timeoutMs: 1_000 } });
  try {
    await put(site.here, `${photos.path}/first.jpg`, 'first', mtime);
    await collect(site.backend.send(site.host, [{ ...changeOf({ size: 5, mtime }), path: safePath(`${photos.path}/first.jpg`) }], never));
    const facts = await write('meow');
    await site.there.freeze();
    site.backend.stage?.(site.host, { path, dir: photos, facts });
    expect((await collect(site.backend.send(site.host, [changeOf(facts)], never))).get(path)).toMatchObject({ result: 'failed', failure: { of: 'host' } });
    await site.there.thaw();
  } finally {
    await site.close();
  }
});

test('what is sent ahead is bounded, and nothing waits once the connections end', async () => {
  const staged = new Staged(60_000), of = (n: number, size: number) => ({ host: 'b', path: safePath(`uploads/photos/${String(n)}`), facts: { size, mtime, sha256: String(n) } });
  const discarded: string[] = [];
  const add = (n: number, size: number): void => { staged.add(of(n, size), Promise.resolve({ at: String(n), folder: '.syncmedia/tmp', looked: new Set<string>() }), (at) => { discarded.push(at); return Promise.resolve(); }); };
  for (let n = 0; n < 64; n++) {
    expect(staged.takes(of(n, 1))).toBe(true);
    add(n, 1);
    expect(staged.takes(of(n, 1))).toBe(false);
  }
  expect(staged.takes(of(64, 1))).toBe(false);
  expect(await staged.take(of(3, 1))).toEqual({ at: '3', folder: '.syncmedia/tmp', looked: new Set() });
  expect(await staged.take(of(3, 1))).toBeUndefined();
  expect(staged.takes(of(64, 17 * 1024 * 1024))).toBe(false);
  staged.close();
  expect(await staged.take(of(5, 1))).toBeUndefined();
  expect(discarded).toEqual([]);
});
