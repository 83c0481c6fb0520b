import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.js';
import {
  takeOver,
  applyTransition,
  markHeld,
  isUnconcerned,
  removeHolder,
  mayTakeOver,
  mayDeliver,
  markPending,
  releaseHost,
  type Transition,
} from '../../src/decisions/transitions.js';
import type { Entry } from '../../src/model/entry.js';
import type { Failure } from '../../src/model/failure.js';
import type { Path } from '../../src/model/path.js';
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
const failure: Failure = { code: 'DISK_FULL', message: 'full', retryable: true, scope: 'path' };
const some = fc.uniqueArray(fc.constantFrom(...hosts));
const entries: fc.Arbitrary<Entry> = fc
  .record({
    kind: fc.constantFrom('file', 'tombstone'),
    origin: fc.constantFrom(...hosts),
    heldBy: some,
    pending: some,
    blocked: some,
    orphaned: fc.boolean(),
  })
  .map(({ kind, origin, heldBy, pending, blocked, orphaned }) =>
    (kind === 'file' ? fileEntry : tombstoneEntry)({
      path: photo(`${++count}.jpg`),
      origin,
      heldBy,
      pending: pending.filter((host) => !heldBy.includes(host)),
      blocked: blocked.map((host) => ({ host, failure, since: new Date(0) })),
      ...(orphaned ? { orphaned } : {}),
    }),
  );
const transitions = (entry: Entry): fc.Arbitrary<Transition> =>
  fc.oneof(
    fc
      .uniqueArray(fc.constantFrom(...hosts), { minLength: 1 })
      .chain((them) => fc.constantFrom(markHeld(them), markPending(entry, them))),
    fc
      .constantFrom(...hosts)
      .chain((host) => fc.constantFrom(removeHolder(entry, host), releaseHost(host))),
  );

function sorted({ dueAt: _, heldBy, pending, ...entry }: Entry): unknown {
  return { ...entry, heldBy: [...heldBy].sort(), pending: [...pending].sort() };
}
const paths = (found: readonly Entry[]): Path[] => found.map(({ path }) => path);

test('a transition leaves the same in the database and in an entry', async () => {
  await fc.assert(
    fc.asyncProperty(
      entries.chain((entry) => fc.tuple(fc.constant(entry), transitions(entry))),
      async ([before, transition]) => {
        const entry = { ...before, path: photo(`${++count}.jpg`) };
        await ledger.insert(entry);
        expect(await ledger.writeTransition(entry, transition)).toBe(true);
        expect(sorted((await ledger.read(entry.path)) as Entry)).toEqual(
          sorted(applyTransition(entry, transition)),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('a transition is not written if the version or the origin moved', async () => {
  const entry = fileEntry({ path: photo('fenced.jpg') });
  await ledger.insert(entry);
  expect(await ledger.writeTransition({ ...entry, version: 'v0' }, markPending(entry, ['A']))).toBe(
    false,
  );
  expect(await ledger.writeTransition({ ...entry, origin: 'B' }, markPending(entry, ['A']))).toBe(
    false,
  );
  expect(await ledger.read(entry.path)).toEqual(entry);
});

test('the queries for sending, taking over and pending agree with the decisions', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entries, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(...hosts),
      some,
      async (many, me, others) => {
        const gone = others.filter((host) => host !== me);
        const all = many.map((entry) => ({ ...entry, path: photo(`${++count}.jpg`) }));
        await site.database.connection.collection('ledger').deleteMany({});
        await Promise.all(all.map((entry) => ledger.insert(entry)));
        for (const to of hosts.filter((host) => host !== me)) {
          expect(paths(await ledger.findPending(to, me, 1_000)).sort()).toEqual(
            paths(all.filter((entry) => mayDeliver(entry, me, to))).sort(),
          );
        }
        expect(new Set(paths(await ledger.findForTakeOver(me, gone, 1_000)))).toEqual(
          new Set(paths(all.filter((entry) => mayTakeOver(entry, me, gone)))),
        );
        await Promise.all(
          all.map(async (entry) => {
            if (!(await ledger.takeOver(entry, me)))
              expect(mayTakeOver(entry, me, [...hosts])).toBe(false);
            else
              expect(sorted((await ledger.read(entry.path)) as Entry)).toEqual(
                sorted(takeOver(entry, me)),
              );
          }),
        );
        const before = new Map(
          (await Promise.all(all.map(({ path }) => ledger.read(path)))).map((entry) => [
            entry?.path,
            entry as Entry,
          ]),
        );
        await ledger.markLackingPending(photos.path, me);
        await Promise.all(
          all.map(async (entry) => {
            const was = before.get(entry.path) as Entry;
            expect((await ledger.read(entry.path))?.pending.includes(me)).toBe(
              isUnconcerned(was, me) || was.pending.includes(me),
            );
          }),
        );
      },
    ),
    { numRuns: 40 },
  );
});
