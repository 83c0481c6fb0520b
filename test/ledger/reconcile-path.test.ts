import { createHash } from 'node:crypto';
import { open, readFile, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTombstoneEntry, supersededLimit } from '../../src/decisions/entries.js';
import { scanSyncDir, type ScanDisk } from '../../src/ledger/scan.js';
import { newName } from '../../src/replica/areas.js';
import type { ScanScope } from '../../src/replica/scan.js';
import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';
import { openSite, photo, photos, type SiteReplica, type Site } from './site.js';

let site: Site, a: SiteReplica, b: SiteReplica;
beforeEach(async () => {
  site = await openSite(['A', 'B', 'C']);
  [a, b] = [await site.replica('A'), await site.replica('B')];
});
afterEach(() => site.close());

const named = { why: 'named' } as const,
  scan = { why: 'scan' } as const;
const cat = photo('cat.jpg');
async function entryOf(path: Path): Promise<Entry> {
  const entry = await site.ledger.read(path);
  if (!entry) throw new Error(`no entry of ${path}`);
  return entry;
}

describe('a path that a document names', () => {
  test('becomes a version: held here, pending at the others, content known', async () => {
    await a.write(cat, 'meow');
    const [entry] = await a.reconciler.reconcilePaths([cat], {
      ...named,
      savedBy: { model: 'Photo', id: '1' },
    });
    expect(entry).toMatchObject({
      path: cat,
      origin: 'A',
      capturedBy: 'A',
      heldBy: ['A'],
      pending: ['B', 'C'],
      savedBy: { model: 'Photo', id: '1' },
    });
    expect(entry?.info).toMatchObject({
      size: 4,
      sha256: '404cdd7bc109c432f8cc2443b45bcfe95980f5107215c645236e577929ac3e52',
    });
    expect(await entryOf(cat)).toEqual(entry);
  });

  test('makes no second version when it is reconciled again, or a caption is edited', async () => {
    await a.write(cat, 'meow');
    await a.reconciler.reconcilePaths([cat], named);
    const before = await entryOf(cat);
    expect(await a.reconciler.reconcilePaths([cat], named)).toEqual([]);
    expect(await entryOf(cat)).toEqual(before);
  });

  test('has its save and author also if a scan found it first, and keeps the first save', async () => {
    await a.write(cat, 'meow');
    await a.reconciler.reconcilePaths([cat], scan);
    const { version } = await entryOf(cat);
    const savedBy = { model: 'Photo', id: '1' };
    await a.reconciler.reconcilePaths([cat], { ...named, savedBy, author: 'Ada' });
    expect(await entryOf(cat)).toMatchObject({ version, savedBy, author: 'Ada' });
    const another = { model: 'Photo', id: '2' };
    await a.reconciler.reconcilePaths([cat], { ...named, savedBy: another, author: 'Bob' });
    expect(await entryOf(cat)).toMatchObject({ version, savedBy, author: 'Ada' });
  });

  test('gets a new version when its bytes are new, and the old file info is remembered', async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    const first = await entryOf(cat);
    await a.write(cat, 'purr', 2_000);
    await a.reconciler.reconcilePaths([cat], named);
    const second = await entryOf(cat);
    expect(second.version).not.toBe(first.version);
    expect(second.superseded).toEqual([
      { ...first.info, version: first.version, conflicting: false },
    ]);
  });

  test('of the same size within the same second is distinguished by its nanoseconds and content', async () => {
    await a.write(cat, 'meow', 1_000.25);
    await a.reconciler.reconcilePaths([cat], named);
    await a.write(cat, 'purr', 1_000.5);
    await a.reconciler.reconcilePaths([cat], named);
    expect((await entryOf(cat)).superseded).toHaveLength(1);
  });

  test.each(['uploads/photos/note.tmp', 'uploads/other/cat.jpg'])(
    'is left alone where no rule lets it through: %s',
    async (path) => {
      await a.write(path as Path, 'meow');
      expect(await a.reconciler.reconcilePaths([path as Path], named)).toEqual([]);
      expect(await site.ledger.read(path as Path)).toBeUndefined();
    },
  );

  test('is left alone where a symlink lies', async () => {
    await symlink('/etc/hostname', join(a.root, cat));
    expect(await a.reconciler.reconcilePaths([cat], named)).toEqual([]);
  });
});

test('an assertion that is processed again after a crash does not bring back a file that a delivery replaced meanwhile', async () => {
  await a.write(cat, 'meow', 1_000);
  await a.reconciler.reconcilePaths([cat], named);
  await a.write(cat, 'purrr', 2_000);
  await a.reconciler.reconcilePaths([cat], named);
  await a.write(cat, 'meow', 1_000);
  const asserted = [{ path: cat, info: (await a.disk.observe(cat))! }];
  await a.reconciler.reconcilePaths([cat], { ...named, asserted });
  const restored = await entryOf(cat);
  expect(restored.info).toMatchObject({ size: 4 });
  // A delivery of the version before comes late: the file it replaces waits until it is resolved.
  await a.write(`uploads/photos/.syncmedia/replaced/${newName()}/cat.jpg` as Path, 'meow', 1_000);
  await a.write(cat, 'purrr', 2_000);
  await a.reconciler.reconcilePaths([cat], { ...named, asserted });
  expect(await entryOf(cat)).toMatchObject({ version: restored.version, heldBy: ['A'] });
  expect(await readFile(join(a.root, cat), 'utf8')).toBe('meow');
});

test('a version that is asserted is known by its content, though its size and date are those of another', async () => {
  await a.write(cat, 'purrr', 2_000);
  await a.reconciler.reconcilePaths([cat], named);
  await a.write(cat, 'meow!', 2_000);
  await a.reconciler.reconcilePaths([cat], {
    ...named,
    asserted: [{ path: cat, info: (await a.disk.observe(cat))! }],
  });
  const { info: facts, superseded } = await entryOf(cat);
  expect([facts?.sha256, superseded[0]?.sha256]).toEqual(
    ['meow!', 'purrr'].map((content) => createHash('sha256').update(content).digest('hex')),
  );
});

test('a host that was away during more replacements than an entry remembers does not bring its old file back', async () => {
  await b.write(cat, 'the first', 1);
  await b.reconciler.reconcilePaths([cat], named);
  for (let i = 0; i <= supersededLimit + 1; i++) {
    await a.write(cat, `number ${i}`, 1_000 + i);
    await a.reconciler.reconcilePaths([cat], named);
  }
  const { version } = await entryOf(cat);
  await b.reconciler.reconcilePaths([cat], scan);
  expect(await entryOf(cat)).toMatchObject({ version, heldBy: ['A'], pending: ['B', 'C'] });
});

describe('two hosts that write one path at once', () => {
  test('the later one wins, and the version it never held is lost: a conflict wherever a copy lies', async () => {
    await a.write(cat, 'from a', 1_000);
    await b.write(cat, 'from b!', 1_001);
    await Promise.all([
      a.reconciler.reconcilePaths([cat], named),
      b.reconciler.reconcilePaths([cat], named),
    ]);
    const entry = await entryOf(cat);
    expect(entry.superseded).toMatchObject([{ conflicting: true }]);
    expect(entry.heldBy).toEqual([entry.origin]);
    expect(entry.pending.sort()).toEqual(['A', 'B', 'C'].filter((host) => host !== entry.origin));
  });
});

describe('when ledger and disk disagree', () => {
  test('a host whose file is gone holds it no more, and others may take over', async () => {
    await a.write(cat, 'meow');
    await a.reconciler.reconcilePaths([cat], named);
    await rm(join(a.root, cat));
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ heldBy: [], orphaned: true });
  });

  test('a host that has the current bytes holds them without a transfer', async () => {
    await a.write(cat, 'meow', 1_000);
    await b.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    await b.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ origin: 'A', heldBy: ['A', 'B'], pending: ['C'] });
  });

  test('a host that names other bytes of the very size and time makes a version of them', async () => {
    await a.write(cat, 'meow', 1_000);
    await b.write(cat, 'MEOW', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    await b.reconciler.reconcilePaths([cat], named);
    expect(await entryOf(cat)).toMatchObject({
      origin: 'B',
      heldBy: ['B'],
      superseded: [{ conflicting: true }],
    });
  });

  test('under a tombstone other bytes of the very size and time as the deleted file are a new version', async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    const before = await entryOf(cat);
    await site.ledger.replace(
      before.version,
      makeTombstoneEntry(before, {
        path: cat,
        version: 't1',
        me: 'A',
        wantedBy: ['B', 'C'],
        now: new Date(),
      }),
    );
    await b.write(cat, 'MEOW', 1_000);
    await b.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ kind: 'file', origin: 'B' });
  });

  test('a holder that has an older version again is pending for the current one', async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    await a.write(cat, 'purrrr', 2_000);
    await a.reconciler.reconcilePaths([cat], named);
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({
      heldBy: [],
      pending: expect.arrayContaining(['A']) as string[],
    });
  });

  test('an origin that has an older version again leaves the delivery to a holder', async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    await a.write(cat, 'purrrr', 2_000);
    await a.reconciler.reconcilePaths([cat], named);
    await b.write(cat, 'purrrr', 2_000);
    await b.reconciler.reconcilePaths([cat], scan);
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], scan);
    expect((await site.ledger.findForTakeOver('B', [], 10)).map(({ path }) => path)).toEqual([cat]);
  });

  test('a host whose file became a directory holds it no more', async () => {
    await a.write(cat, 'meow');
    await a.reconciler.reconcilePaths([cat], named);
    await rm(join(a.root, cat));
    await a.write(`${cat}/inside.jpg` as Path, 'x');
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ heldBy: [] });
  });

  test('other bytes of the same size and time are a new version if the content is compared', async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    const { version } = await entryOf(cat);
    await a.write(cat, 'MEOW', 1_000);
    expect(await a.reconciler.reconcilePaths([cat], scan)).toEqual([]);
    const [entry] = await a.reconciler.reconcilePaths([cat], { ...scan, comparesContent: true });
    expect(entry?.version).not.toBe(version);
  });

  test('current bytes in its own .syncmedia are restored', async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    await a.write('uploads/photos/.syncmedia/trash/x/cat.jpg' as Path, 'meow', 1_000);
    await rm(join(a.root, cat));
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await readFile(join(a.root, cat), 'utf8')).toBe('meow');
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['A'] });
  });

  test('a tombstone moves the old file to the trash, and never an unknown one', async () => {
    await a.write(cat, 'meow', 1_000);
    await a.reconciler.reconcilePaths([cat], named);
    const before = await entryOf(cat);
    const tombstone = makeTombstoneEntry(before, {
      path: cat,
      version: 't1',
      me: 'B',
      wantedBy: ['A', 'C'],
      now: new Date(),
    });
    await site.ledger.replace(before.version, tombstone);
    await a.reconciler.reconcilePaths([cat], scan);
    await expect(readFile(join(a.root, cat))).rejects.toThrow('ENOENT');
    expect(await entryOf(cat)).toMatchObject({
      kind: 'tombstone',
      heldBy: ['B', 'A'],
      pending: ['C'],
    });
    await a.write(cat, 'another cat', 3_000);
    await a.reconciler.reconcilePaths([cat], scan);
    expect(await entryOf(cat)).toMatchObject({ kind: 'file', origin: 'A' });
  });
});

describe('a file that cannot be examined just now', () => {
  let writing = false,
    written: Promise<void> | undefined;
  beforeEach(async () => {
    await a.write(photo('growing.log'), 'x'.repeat(1_000_000));
    const file = await open(join(a.root, photo('growing.log')), 'a');
    writing = true;
    written = (async () => {
      while (writing) {
        await file.write('x');
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      await file.close();
    })();
  });
  afterEach(async () => {
    writing = false;
    await written;
  });
  const others = Array.from({ length: 40 }, (_, i) => photo(`${i}.jpg`));

  test('keeps no other file of the same document from being reconciled, and is reported', async () => {
    for (const path of others) await a.write(path, path);
    const paths = [photo('growing.log'), ...others];
    const { entries, failed } = await a.reconciler.reconcileEach(paths, named);
    expect(entries.map(({ path }) => path)).toEqual(expect.arrayContaining(others));
    expect(entries.length + failed.length).toBe(paths.length);
  });

  test('keeps no other from being found by a scan', async () => {
    for (const path of others) await a.write(path, path);
    const dir = { reconciler: a.reconciler, ledger: site.ledger, disk: a.disk, me: 'A' };
    await scanSyncDir(dir, photos, new AbortController().signal, () => undefined);
    expect([...(await site.ledger.readMany(others)).keys()].sort()).toEqual([...others].sort());
  });
});

describe('a scan', () => {
  const all = (replica: SiteReplica, me: string, scope: ScanScope = {}): Promise<number> =>
    scanSyncDir(
      { reconciler: replica.reconciler, ledger: site.ledger, disk: replica.disk, me },
      photos,
      new AbortController().signal,
      () => undefined,
      scope,
    );

  test('captures files that no document named, and notices missing files', async () => {
    await a.write(cat, 'meow');
    await a.write(photo('thumbs/cat.jpg'), 'm');
    await a.write(photo('skip.tmp'), 'x');
    expect(await all(a, 'A')).toBe(2);
    expect(await site.ledger.count()).toBe(2);
    await rm(join(a.root, cat));
    await all(a, 'A');
    expect(await entryOf(cat)).toMatchObject({ heldBy: [] });
  });

  test('without the marker nothing is scanned and nothing leaves the ledger', async () => {
    await a.write(cat, 'meow');
    await all(a, 'A');
    await rm(join(a.root, photos.path), { recursive: true });
    await expect(all(a, 'A')).rejects.toMatchObject({ code: 'NO_MARKER' });
    expect(await entryOf(cat)).toMatchObject({ heldBy: ['A'] });
  });

  test('hashes a file once that was too fresh to be sure of', async () => {
    await a.write(cat, 'meow');
    await a.reconciler.reconcilePaths([cat], named);
    expect((await entryOf(cat)).unverified).toBe(true);
    await all(a, 'A');
    expect((await entryOf(cat)).unverified).toBeUndefined();
  });

  test.each([-120, 120])(
    'of changed directories finds the rest of a file that was captured while it was written, dated %i s from now',
    async (date) => {
      await a.write(cat, 'me');
      await a.reconciler.reconcilePaths([cat], named);
      await a.write(cat, 'meow');
      const changedSince = Date.now() + 3_600_000;
      await all(a, 'A', { changedSince });
      // Perhaps its end is still to come.
      expect((await entryOf(cat)).info).toMatchObject({ size: 2 });
      // A date to come is no recent one, either.
      const ended = Date.now() / 1_000 + date;
      await utimes(join(a.root, cat), ended, ended);
      expect(await all(a, 'A', { changedSince })).toBe(0);
      expect((await entryOf(cat)).info).toMatchObject({ size: 4 });
    },
  );

  test('leaves the version that a save made of a rewritten file while it was hashed', async () => {
    const second = Math.floor(Date.now() / 1_000);
    await a.write(cat, 'meow', second + 0.25);
    await a.reconciler.reconcilePaths([cat], named);
    expect((await entryOf(cat)).unverified).toBe(true);
    await a.write(cat, 'purr', second + 0.5);
    let saved: string | undefined;
    const saves: ScanDisk = {
      scan: (...args) => a.disk.scan(...args),
      observe: (path) => a.disk.observe(path),
      resolveLeftovers: (dir) => a.disk.resolveLeftovers(dir),
      hash: async (path) => {
        const info = await a.disk.hash(path);
        await a.reconciler.reconcilePaths([cat], named);
        saved = (await entryOf(cat)).version;
        return info;
      },
    };
    await scanSyncDir(
      { reconciler: a.reconciler, ledger: site.ledger, disk: saves, me: 'A' },
      photos,
      new AbortController().signal,
      () => undefined,
      { changedSince: Date.now() + 3_600_000 },
    );
    const { version, superseded } = await entryOf(cat);
    expect(version).toBe(saved);
    expect(superseded).toHaveLength(1);
  });

  test('a host that is not ready contributes nothing by it', async () => {
    const joining = await site.replica('C', { ready: false });
    await joining.write(cat, 'meow');
    await all(joining, 'C');
    expect(await site.ledger.count()).toBe(0);
  });
});

test('a fresh file is captured without its entry being read; an entry that exists decides', async () => {
  const reads: Path[] = [];
  const { readMany } = site.ledger;
  site.ledger.readMany = (paths) => {
    reads.push(...paths);
    return readMany.call(site.ledger, paths);
  };
  await a.write(cat, 'meow');
  const [first] = await a.reconciler.reconcilePaths([cat], named);
  expect(first).toMatchObject({ path: cat, heldBy: ['A'], pending: ['B', 'C'] });
  expect(reads).toEqual([]);
  await a.write(cat, 'purr!');
  const [second] = await a.reconciler.reconcilePaths([cat], named);
  expect(reads).toEqual([cat]);
  expect(second?.superseded.map(({ version }) => version)).toEqual([first?.version]);
});
