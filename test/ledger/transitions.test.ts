import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.js';
import {
  adopt,
  applyTransition,
  hold,
  lacks,
  leave,
  mayAdopt,
  maySend,
  owe,
  release,
  type Transition,
} from '../../src/decisions/transitions.js';
import type { Entry, Failure, Path } from '../../src/model/words.js';
import { fileEntry, tombstoneEntry } from '../decisions/entries.js';
import { openSite, photo, photos, type Site } from './site.js';

/** What planning says of an entry is what the database makes of it: the explorer counts on that. */
let site: Site,
  ledger: Ledger,
  count = 0;
beforeAll(async () => {
  site = await openSite(['A', 'B', 'C']);
  ledger = site.ledger;
});
afterAll(() => site.close());

const hosts = ['A', 'B', 'C'];
const failure: Failure = { code: 'DISK_FULL', message: 'full', retryable: true, of: 'path' };
const some = fc.uniqueArray(fc.constantFrom(...hosts));
const entries: fc.Arbitrary<Entry> = fc
  .record({
    kind: fc.constantFrom('file', 'tombstone'),
    sender: fc.constantFrom(...hosts),
    heldBy: some,
    owed: some,
    blocked: some,
    adoptable: fc.boolean(),
  })
  .map(({ kind, sender, heldBy, owed, blocked, adoptable }) =>
    (kind === 'file' ? fileEntry : tombstoneEntry)({
      path: photo(`${++count}.jpg`),
      sender,
      heldBy,
      owed: owed.filter((host) => !heldBy.includes(host)),
      blocked: blocked.map((host) => ({ host, failure, since: new Date(0) })),
      ...(adoptable ? { adoptable } : {}),
    }),
  );
const transitions = (entry: Entry): fc.Arbitrary<Transition> =>
  fc.oneof(
    fc
      .uniqueArray(fc.constantFrom(...hosts), { minLength: 1 })
      .chain((them) => fc.constantFrom(hold(them), owe(entry, them))),
    fc.constantFrom(...hosts).chain((host) => fc.constantFrom(leave(entry, host), release(host))),
  );

function sorted({ dueAt: _, heldBy, owed, ...entry }: Entry): unknown {
  return { ...entry, heldBy: [...heldBy].sort(), owed: [...owed].sort() };
}
const paths = (found: readonly Entry[]): Path[] => found.map(({ path }) => path);

test('a transition leaves in the database what it leaves in an entry', async () => {
  await fc.assert(
    fc.asyncProperty(
      entries.chain((entry) => fc.tuple(fc.constant(entry), transitions(entry))),
      async ([before, transition]) => {
        const entry = { ...before, path: photo(`${++count}.jpg`) };
        await ledger.insert(entry);
        expect(await ledger.change(entry, transition)).toBe(true);
        expect(sorted((await ledger.read(entry.path)) as Entry)).toEqual(
          sorted(applyTransition(entry, transition)),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('a transition is not written where the version or the sender moved', async () => {
  const entry = fileEntry({ path: photo('fenced.jpg') });
  await ledger.insert(entry);
  expect(await ledger.change({ ...entry, version: 'v0' }, owe(entry, ['A']))).toBe(false);
  expect(await ledger.change({ ...entry, sender: 'B' }, owe(entry, ['A']))).toBe(false);
  expect(await ledger.read(entry.path)).toEqual(entry);
});

test('who may send, adopt, or is to be owed: the queries find what planning says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entries, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(...hosts),
      some,
      async (many, me, others) => {
        const gone = others.filter((host) => host !== me);
        const all = many.map((entry) => ({ ...entry, path: photo(`${++count}.jpg`) }));
        await site.database.connection.collection('ledger').deleteMany({});
        for (const entry of all) await ledger.insert(entry);
        for (const to of hosts.filter((host) => host !== me)) {
          expect(paths(await ledger.owedTo(to, me, 1_000)).sort()).toEqual(
            paths(all.filter((entry) => maySend(entry, me, to))).sort(),
          );
        }
        expect(new Set(paths(await ledger.adoptable(me, gone, 1_000)))).toEqual(
          new Set(paths(all.filter((entry) => mayAdopt(entry, me, gone)))),
        );
        for (const entry of all) {
          if (!(await ledger.adopt(entry, me))) expect(mayAdopt(entry, me, [...hosts])).toBe(false);
          else
            expect(sorted((await ledger.read(entry.path)) as Entry)).toEqual(
              sorted(adopt(entry, me)),
            );
        }
        const before = new Map(
          (await Promise.all(all.map(({ path }) => ledger.read(path)))).map((entry) => [
            entry?.path,
            entry as Entry,
          ]),
        );
        await ledger.oweLacking(photos.path, me);
        for (const entry of all) {
          const was = before.get(entry.path) as Entry;
          expect((await ledger.read(entry.path))?.owed.includes(me)).toBe(
            lacks(was, me) || was.owed.includes(me),
          );
        }
      },
    ),
    { numRuns: 40 },
  );
});
