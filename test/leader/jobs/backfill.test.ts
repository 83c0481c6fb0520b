import { afterEach, beforeEach, expect, test } from 'vitest';
import type { KnownDirs } from '../../../src/context/known-dirs.js';
import { makeBackfillKey, wantsPath } from '../../../src/decisions/wants.js';
import type { Registry } from '../../../src/hosts/registry.js';
import { Backfill } from '../../../src/leader/jobs/backfill.js';
import type { Host } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import { fileEntry } from '../../decisions/entries.js';
import { makePartial } from '../../harness/partial.js';
import { openSite, photo, photos, type Site } from '../../ledger/site.js';

const videos = { ...photos, path: 'uploads/videos' as Path };

let site: Site, other: Host, backfill: Backfill, recorded: Set<string>;
let report: (before: readonly Host[], after: readonly Host[]) => void;
beforeEach(async () => {
  site = await openSite(['A', 'B']);
  recorded = new Set();
  other = makePartial<Host>({
    id: 'B',
    status: 'approved',
    passive: false,
    readyAt: new Date(),
    syncDirs: [],
  });
  const me = (): Host => makePartial<Host>({ id: 'A', backfilled: [...recorded], syncDirs: [] });
  backfill = makeBackfill(me);
  backfill.start();
  await pollTwice();
});
afterEach(async () => {
  await backfill.close();
  await site.close();
});

/** The job of host A, whose registry has what the test says of host B. */
function makeBackfill(me: () => Host): Backfill {
  const dirs = new SyncDirs([photos, videos]);
  return new Backfill({
    ledger: site.ledger,
    me: 'A',
    dirs: makePartial<KnownDirs>({ current: () => dirs }),
    wakeQueue: () => undefined,
    registry: makePartial<Registry>({
      me,
      all: () => [{ ...me(), status: 'approved' }, other],
      onChange: (listener) => {
        report = listener;
        return () => undefined;
      },
      recordBackfilled: (key) => {
        recorded.add(key);
        return Promise.resolve();
      },
      forgetBackfilled: (key) => {
        recorded.delete(key);
        return Promise.resolve();
      },
    }),
  });
}

/** The second pass records the backfill. */
async function pollTwice(): Promise<void> {
  await backfill.pollThoroughly();
  await backfill.pollThoroughly();
}
function change(fields: Partial<Host>): void {
  const before = other;
  other = { ...other, ...fields };
  report([before], [other]);
}
/** Host A saves a file, which becomes pending for host B if that wants it now. */
async function save(path: Path): Promise<void> {
  const pending = wantsPath(other, path) ? ['B'] : [];
  await site.ledger.insert(fileEntry({ path, heldBy: ['A'], pending }));
}
async function readPending(path: Path): Promise<readonly string[] | undefined> {
  return (await site.ledger.read(path))?.pending;
}

test('a host that has its earlier sync dirs again gets what was saved while it had fewer', async () => {
  const film = `${videos.path}/film.mp4` as Path;
  change({ syncDirs: [photos.path] });
  await pollTwice();
  await save(film);
  await save(photo('cat.jpg'));
  expect(await readPending(film)).toEqual([]);
  change({ syncDirs: [] });
  await pollTwice();
  expect(await readPending(film)).toEqual(['B']);
  expect(await readPending(photo('cat.jpg'))).toEqual(['B']);
  expect([...recorded]).toEqual([makeBackfillKey(other)]);
});

test('a host that has its earlier sync dirs again gets what a third host saved, which is down now', async () => {
  change({ syncDirs: [videos.path] });
  await pollTwice();
  await site.ledger.insert(fileEntry({ path: photo('c.jpg'), origin: 'C', heldBy: ['A', 'C'] }));
  change({ syncDirs: [] });
  await pollTwice();
  expect(await readPending(photo('c.jpg'))).toEqual(['B']);
});

test('a host that had fewer sync dirs between two polls gets what was saved then', async () => {
  const film = `${videos.path}/film.mp4` as Path;
  change({ syncDirs: [photos.path] });
  await save(film);
  change({ syncDirs: [] });
  await pollTwice();
  expect(await readPending(film)).toEqual(['B']);
});

test('a host that waited for approval between two polls gets what was saved then', async () => {
  change({ status: 'pending' });
  await save(photo('cat.jpg'));
  change({ status: 'approved' });
  await pollTwice();
  expect(await readPending(photo('cat.jpg'))).toEqual(['B']);
  expect([...recorded]).toEqual([makeBackfillKey(other)]);
});

test('a host that has been backfilled is not backfilled again', async () => {
  const kept = photo('kept.jpg');
  await site.ledger.insert(fileEntry({ path: kept, heldBy: ['A'], pending: [] }));
  change({ hostname: 'renamed' });
  await pollTwice();
  expect(await readPending(kept)).toEqual([]);
});
