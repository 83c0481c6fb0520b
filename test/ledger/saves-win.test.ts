import { createHash } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { immediateHashLimit } from '../../src/ledger/reconcile-context.js';
import { scanSyncDir } from '../../src/ledger/scan.js';
import { makeTombstoneEntry } from '../../src/decisions/entries.js';
import { removedStamp } from '../../src/decisions/file-state.js';
import { newName } from '../../src/replica/areas.js';
import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';
import { openSite, photo, photos, type SiteReplica, type Site } from './site.js';

let site: Site, a: SiteReplica, b: SiteReplica;
const named = new Set<Path>(),
  captured = new Set<Path>();
beforeEach(async () => {
  site = await openSite(['A', 'B']);
  [a, b] = [
    await site.replica('A', { named, captured }),
    await site.replica('B', { named, captured }),
  ];
});
afterEach(async () => {
  named.clear();
  captured.clear();
  await site.close();
});

const cat = photo('cat.jpg'),
  dog = photo('dog.jpg');
const save = { why: 'named' } as const,
  scan = { why: 'scan' } as const;
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

async function entryOf(path: Path): Promise<Entry> {
  const entry = await site.ledger.read(path);
  if (!entry) throw new Error(`no entry of ${path}`);
  return entry;
}
/** A version that both hosts have, as if a delivery had brought it to B. */
async function saveOnBoth(path: Path, content: string, mtime: number): Promise<void> {
  await a.write(path, content, mtime);
  await a.reconciler.reconcilePaths([path], save);
  await deliver(path, content, mtime);
}
async function deliver(path: Path, content: string, mtime: number): Promise<void> {
  await b.write(path, content, mtime);
  await site.ledger.markHeld(await entryOf(path), ['B']);
}
async function bury(path: Path): Promise<void> {
  const before = await entryOf(path);
  await site.ledger.replace(
    before.version,
    makeTombstoneEntry(before, {
      path,
      version: `deleted ${before.version}`,
      me: 'A',
      wantedBy: ['B'],
      now: new Date(),
    }),
  );
}
const scanAll = (replica: SiteReplica, me: string): Promise<number> =>
  scanSyncDir(
    { reconciler: replica.reconciler, ledger: site.ledger, disk: replica.disk, me },
    photos,
    new AbortController().signal,
    () => undefined,
  );
/** As `exiftool -P` does: a new file in the place of the old one, with its date. */
async function rewrite(replica: SiteReplica, path: Path, content: string): Promise<void> {
  const at = join(replica.root, path),
    { atime, mtime } = await stat(at);
  await writeFile(`${at}.new`, content);
  await utimes(`${at}.new`, atime, mtime);
  await rename(`${at}.new`, at);
}

describe('a file that is back under a tombstone', () => {
  beforeEach(async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], save);
    await bury(cat);
  });

  test('is a version again for a save, whatever its date, and pending at the others', async () => {
    named.add(cat);
    await a.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({
      kind: 'file',
      heldBy: ['A'],
      pending: ['B'],
      info: { sha256: sha256('meow') },
    });
  });

  test('is a version again where a scan finds it and a document names it', async () => {
    named.add(cat);
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ kind: 'file', pending: ['B'] });
  });

  test('goes to the trash if no document names it any more, even if an older save is processed again', async () => {
    await a.reconciler.reconcilePaths([cat], { ...save, savedAt: new Date(Date.now() - 1_000) });
    expect(await entryOf(cat)).toMatchObject({ kind: 'tombstone', heldBy: ['A'] });
    await expect(readFile(join(a.root, cat))).rejects.toThrow('ENOENT');
  });

  test('needs no search of documents if the save is certainly younger than the delete', async () => {
    await a.reconciler.reconcilePaths([cat], { ...save, savedAt: new Date(Date.now() + 120_000) });
    expect(await entryOf(cat)).toMatchObject({ kind: 'file' });
  });

  test('is logged when a scan finds it and moves it to the trash', async () => {
    const told: unknown[] = [];
    site.events.on('overruled', (event) => {
      told.push(event);
    });
    await a.reconciler.reconcilePaths([cat], scan);
    await expect(readFile(join(a.root, cat))).rejects.toThrow('ENOENT');
    expect(told).toEqual([{ path: cat, by: 'delete' }]);
  });

  test('is left by a scan to the save that may be about to name it', async () => {
    const patient = await site.replica('A', { named, captured, awaitedMs: 60_000 });
    await patient.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ kind: 'tombstone' });
    expect(await readFile(join(a.root, cat), 'utf8')).toBe('meow');
  });

  test('is left by a scan to the capture that names it', async () => {
    captured.add(cat);
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await readFile(join(a.root, cat), 'utf8')).toBe('meow');
  });

  test('is taken back out of the trash where a delivered delete took it after the save', async () => {
    named.add(cat);
    const at = `uploads/photos/.syncmedia/trash/${newName()}/cat.jpg`;
    await mkdir(dirname(join(a.root, at)), { recursive: true });
    await rename(join(a.root, cat), join(a.root, at));
    await a.reconciler.reconcilePaths([cat], { ...save, savedAt: new Date() });
    expect(await readFile(join(a.root, cat), 'utf8')).toBe('meow');
    expect(await entryOf(cat)).toMatchObject({ kind: 'file', heldBy: ['A'], pending: ['B'] });
  });

  test('is taken back though the clock of the host that delivered the delete is behind', async () => {
    named.add(cat);
    const name = `${(Date.now() - 3 * 3_600_000).toString(36).padStart(9, '0')}-0123456789abcdef`;
    const at = `uploads/photos/.syncmedia/trash/${name}/cat.jpg`;
    await mkdir(dirname(join(a.root, at)), { recursive: true });
    await rename(join(a.root, cat), join(a.root, at));
    await a.reconciler.reconcilePaths([cat], { ...save, savedAt: new Date() });
    expect(await readFile(join(a.root, cat), 'utf8')).toBe('meow');
  });

  test('stays in the trash where it was removed long before the save', async () => {
    named.add(cat);
    await rm(join(a.root, cat));
    const folder = `uploads/photos/.syncmedia/trash/${newName()}`;
    await a.write(`${folder}/cat.jpg` as Path, 'meow', 1_000);
    await utimes(join(a.root, folder), 1_000, 1_000);
    await a.reconciler.reconcilePaths([cat], { ...save, savedAt: new Date() });
    expect(await entryOf(cat)).toMatchObject({ kind: 'tombstone' });
  });
});

describe('an older version that the app puts back, with its date', () => {
  beforeEach(async () => {
    await saveOnBoth(cat, 'first', 1_000);
    await saveOnBoth(cat, 'second!', 2_000);
  });

  test.each(['A', 'B'])('is the new version once a save on %s names it', async (host) => {
    const replica = host === 'A' ? a : b;
    await replica.write(cat, 'first', 1_000);
    await replica.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({
      origin: host,
      heldBy: [host],
      info: { sha256: sha256('first') },
      superseded: [{ sha256: sha256('second!'), conflicting: false }],
    });
  });

  test('is the new version though a scan found the path empty in between', async () => {
    await rm(join(a.root, cat));
    await scanAll(a, 'A');
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['B'], stamps: { A: removedStamp } });
    await a.write(cat, 'first', 1_000);
    await a.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({ origin: 'A', info: { sha256: sha256('first') } });
  });

  test('is left by a scan to the save that may be about to name it, and to the capture that does', async () => {
    await a.write(cat, 'first', 1_000);
    const patient = await site.replica('A', { awaitedMs: 60_000 });
    await patient.reconciler.reconcilePaths([cat], scan);
    captured.add(cat);
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['A', 'B'], pending: [] });
    captured.clear();
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['B'], pending: ['A'] });
  });

  test('gives way if a late delivery brought it: the current version lies among the replaced files', async () => {
    const replaced = `uploads/photos/.syncmedia/replaced/${newName()}/cat.jpg`;
    await mkdir(dirname(join(a.root, replaced)), { recursive: true });
    await link(join(a.root, cat), join(a.root, replaced));
    await rm(join(a.root, cat));
    await a.write(cat, 'first', 1_000);
    await a.reconciler.reconcilePaths([cat], save);
    expect(await readFile(join(a.root, cat), 'utf8')).toBe('second!');
    expect(await entryOf(cat)).toMatchObject({
      heldBy: ['A', 'B'],
      info: { sha256: sha256('second!') },
    });
  });

  test('gives way to a file that the app has saved since, if a late delivery replaced that before it was captured', async () => {
    const replaced = `uploads/photos/.syncmedia/replaced/${newName()}/cat.jpg`;
    await a.write(replaced as Path, 'third!!', 3_000);
    await a.write(cat, 'first', 1_000);
    await a.reconciler.reconcilePaths([cat], save);
    expect(await readFile(join(a.root, cat), 'utf8')).toBe('third!!');
    expect(await entryOf(cat)).toMatchObject({
      origin: 'A',
      heldBy: ['A'],
      pending: ['B'],
      info: { sha256: sha256('third!!') },
    });
  });

  test('may be one that the app put back over a delivery without acknowledgement: the save awaits that, and then it is a new version', async () => {
    await site.ledger.markPending(cat, ['B']);
    await b.write(cat, 'first', 1_000);
    const now = { ...save, savedAt: new Date() },
      patient = await site.replica('B', { named, captured, awaitedMs: 60_000 });
    expect(await patient.reconciler.reconcileEach([cat], now)).toEqual({
      entries: [],
      failed: [],
      deferred: [cat],
    });
    await site.ledger.markHeld(await entryOf(cat), ['B']);
    expect(await patient.reconciler.reconcileEach([cat], now)).toMatchObject({
      entries: [{ path: cat }],
      deferred: [],
    });
    expect(await entryOf(cat)).toMatchObject({
      origin: 'B',
      heldBy: ['B'],
      pending: ['A'],
      info: { sha256: sha256('first') },
    });
  });

  test('is nothing on a host where the current one is pending, and no save awaits that, if it lay there before or the save is old', async () => {
    const { version } = await entryOf(cat),
      patient = await site.replica('B', { named, captured, awaitedMs: 60_000 });
    await site.ledger.markPending(cat, ['B']);
    await patient.write(cat, 'first', 1_000);
    expect(
      await patient.reconciler.reconcileEach([cat], {
        ...save,
        savedAt: new Date(Date.now() - 120_000),
      }),
    ).toEqual({ entries: [], failed: [], deferred: [] });
    const before = {
      ...(await entryOf(cat)),
      version: 'captured later',
      capturedAt: new Date(Date.now() + 120_000),
    };
    expect(await site.ledger.replace(version, before)).toBe(true);
    expect(await patient.reconciler.reconcileEach([cat], { ...save, savedAt: new Date() })).toEqual(
      {
        entries: [],
        failed: [],
        deferred: [],
      },
    );
  });

  test('is logged when a scan finds it and the newer version replaces it', async () => {
    const told: unknown[] = [];
    site.events.on('overruled', (event) => {
      told.push(event);
    });
    await a.write(cat, 'first', 1_000);
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['B'], pending: ['A'] });
    expect(told).toEqual([{ path: cat, by: 'newer version' }]);
  });

  test('is no version on a host where the current one is pending: that is on its way', async () => {
    const { version } = await entryOf(cat);
    await site.ledger.markPending(cat, ['B']);
    await b.write(cat, 'first', 1_000);
    await b.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({ version, pending: ['B'] });
  });
});

describe('the bytes of the version with another date', () => {
  const dateOf = async (replica: SiteReplica): Promise<number> =>
    (await stat(join(replica.root, cat))).mtimeMs / 1000;

  test.each([
    ['a save names', save],
    ['a scan finds', scan],
  ])('that %s are the version, with its date, and go nowhere', async (_, why) => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], save);
    const { version } = await entryOf(cat);
    await b.write(cat, 'meow', 2_000);
    await b.reconciler.reconcilePaths([cat], why);
    expect(await entryOf(cat)).toMatchObject({
      version,
      heldBy: ['A', 'B'],
      pending: [],
      superseded: [],
    });
    expect(await dateOf(b)).toBe(1_000);
  });

  test('that a host which has it writes once more are no version', async () => {
    await saveOnBoth(cat, 'meow', 1_000);
    await a.write(cat, 'meow', 2_000);
    await a.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['A', 'B'], pending: [], superseded: [] });
    expect(await dateOf(a)).toBe(1_000);
  });

  test('are a version under a tombstone', async () => {
    await saveOnBoth(cat, 'meow', 1_000);
    await bury(cat);
    named.add(cat);
    await a.write(cat, 'meow', 2_000);
    await a.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({
      kind: 'file',
      info: { mtime: 2_000 },
      pending: ['B'],
    });
  });

  test('that a pull has fetched keep the date that the other host has', async () => {
    await saveOnBoth(cat, 'meow', 1_000);
    await a.write(cat, 'meow', 2_000);
    await a.reconciler.reconcilePaths([cat], { ...save, overrules: true });
    expect(await entryOf(cat)).toMatchObject({ info: { mtime: 2_000 } });
  });
});

describe('other bytes of the very size and date', () => {
  const large = 'x'.repeat(immediateHashLimit + 1);

  test.each(['A', 'B'])('are a version once a save on %s names them', async (host) => {
    await saveOnBoth(cat, 'meow', 1_000);
    const replica = host === 'A' ? a : b;
    await rewrite(replica, cat, 'MEOW');
    await replica.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({
      origin: host,
      heldBy: [host],
      info: { sha256: sha256('MEOW') },
      superseded: [{ sha256: sha256('meow') }],
    });
  });

  test('are a version though they were written into the very file', async () => {
    await saveOnBoth(cat, 'meow', 1_000);
    await a.write(cat, 'MEOW', 1_000);
    await a.reconciler.reconcilePaths([cat], save);
    expect(await entryOf(cat)).toMatchObject({ info: { sha256: sha256('MEOW') } });
  });

  test('are versions where two files were swapped', async () => {
    await saveOnBoth(cat, 'meow', 1_000);
    await saveOnBoth(dog, 'woof', 1_000);
    await rename(join(a.root, cat), join(a.root, 'limbo'));
    await rename(join(a.root, dog), join(a.root, cat));
    await rename(join(a.root, 'limbo'), join(a.root, dog));
    await a.reconciler.reconcilePaths([cat, dog], save);
    expect([(await entryOf(cat)).info?.sha256, (await entryOf(dog)).info?.sha256]).toEqual([
      sha256('woof'),
      sha256('meow'),
    ]);
    expect((await entryOf(dog)).pending).toEqual(['B']);
  });

  test('are versions where a scan finds them, though no save names them', async () => {
    await saveOnBoth(cat, 'meow', 1_000);
    await rewrite(a, cat, 'MEOW');
    await scanAll(a, 'A');
    expect(await entryOf(cat)).toMatchObject({ info: { sha256: sha256('MEOW') }, pending: ['B'] });
  });

  test('are a version where the file is too large to be hashed at once, before and after the scan that hashes it', async () => {
    for (const confirmed of [false, true]) {
      const path = photo(`large ${String(confirmed)}.mp4`);
      await saveOnBoth(path, large, 1_000);
      if (confirmed) await scanAll(a, 'A');
      expect((await entryOf(path)).info?.sha256 !== undefined).toBe(confirmed);
      const { version } = await entryOf(path);
      await rewrite(a, path, large.replaceAll('x', 'y'));
      await a.reconciler.reconcilePaths([path], save);
      expect((await entryOf(path)).version).not.toBe(version);
      expect(await entryOf(path)).toMatchObject({ heldBy: ['A'], pending: ['B'] });
    }
  });

  test('of a large file without a known hash are not taken for the version that was sent', async () => {
    const path = photo('large.mp4');
    await saveOnBoth(path, large, 1_000);
    const { version } = await entryOf(path);
    await rewrite(a, path, large.replaceAll('x', 'y'));
    await scanAll(a, 'A');
    expect((await entryOf(path)).version).not.toBe(version);
    expect(await entryOf(path)).toMatchObject({ pending: ['B'] });
  });
});

describe('the content of a file', () => {
  const hashed: Path[] = [];
  beforeEach(() => {
    hashed.length = 0;
    for (const { disk } of [a, b]) {
      const hash = disk.hash.bind(disk);
      disk.hash = (path, options) => {
        // A file that is not fresh is not read for the quick way.
        if (!options?.only) hashed.push(path);
        return hash(path, options);
      };
    }
  });

  test('is compared once after each change, not at every save', async () => {
    await saveOnBoth(cat, 'meow', 1_000);
    hashed.length = 0;
    await a.reconciler.reconcilePaths([cat], save);
    expect(hashed).toEqual([]);
    // The first save on a host that got it from another one, which cannot know that nobody has
    // touched it.
    await b.reconciler.reconcilePaths([cat], save);
    await b.reconciler.reconcilePaths([cat], save);
    expect(hashed).toEqual([cat]);
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['A', 'B'], pending: [] });
  });

  test('of a touched file is compared by a scan, some of them at a time', async () => {
    const paths = Array.from({ length: 230 }, (_, i) => photo(`${String(i)}.jpg`));
    for (const path of paths) await a.write(path, path, 1_000);
    await a.reconciler.reconcilePaths(paths, scan);
    // As after a restore from a backup: the same bytes and dates in other files.
    for (const path of paths) await rewrite(a, path, path);
    hashed.length = 0;
    await scanAll(a, 'A');
    expect(hashed.length).toBe(200);
    await scanAll(a, 'A');
    expect(hashed.length).toBe(230);
    await scanAll(a, 'A');
    expect(hashed.length).toBe(230);
  });
});
