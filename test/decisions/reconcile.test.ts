import { describe, expect, test } from 'vitest';
import { supersededLimit } from '../../src/decisions/entries.js';
import {
  findWhy,
  mayStillDelete,
  reconcile,
  reconcileUnreferenced,
  willMakeVersion,
  type ReconcileAnswer,
  type Evidence,
} from '../../src/decisions/reconcile.js';
import { removedStamp, type FileState } from '../../src/decisions/file-state.js';
import type { Entry } from '../../src/model/entry.js';
import type { FileInfo } from '../../src/model/file.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const nothing: Evidence = {
  ownCopy: false,
  lateDelivery: false,
  uncaptured: false,
  arrivedRecently: false,
  saveExpected: false,
  referenced: false,
  takenByDelete: false,
};
const base = {
  me: 'A',
  ready: true,
  why: 'scan' as const,
  removalsHalted: false,
  evidence: nothing,
};
const withEvidence = (evidence: Partial<Evidence>) => ({
  ...base,
  evidence: { ...nothing, ...evidence },
});
const held = fileEntry({ heldBy: ['A', 'B'], pending: [] });
const pending = fileEntry({ origin: 'B', heldBy: ['B'], pending: ['A'] });
const neither = fileEntry({ origin: 'B', heldBy: ['B'], pending: [] });

/**
 * The table of docs/design/reconciling.md: what lies on this disk, and what the entry says of this
 * host → what follows.
 */
const fileTable: [FileState, ReconcileAnswer, ReconcileAnswer, ReconcileAnswer][] = [
  // on this disk   held            pending         neither
  ['current', 'nothing', 'hold', 'hold'],
  ['superseded', 'mark-pending', 'nothing', 'mark-pending'],
  ['conflicting', 'mark-pending', 'nothing', 'mark-pending'],
  ['absent', 'leave', 'nothing', 'nothing'],
  ['unknown', 'new-version', 'new-version', 'new-version'],
];

describe('a file entry', () => {
  test.each(fileTable)(
    '%s: held → %s, pending → %s, neither → %s',
    (state, whenHeld, whenPending, whenNeither) => {
      expect([held, pending, neither].map((entry) => reconcile({ ...base, entry, state }))).toEqual(
        [whenHeld, whenPending, whenNeither],
      );
    },
  );

  test.each<[FileState, ReconcileAnswer, ReconcileAnswer, ReconcileAnswer]>([
    ['superseded', 'mark-pending', 'restore', 'mark-pending'],
    ['absent', 'restore', 'restore', 'nothing'],
  ])(
    '%s, but the current bytes lie in .syncmedia: held → %s, pending → %s, neither → %s',
    (state, whenHeld, whenPending, whenNeither) => {
      expect(
        [held, pending, neither].map((entry) =>
          reconcile({ ...withEvidence({ ownCopy: true }), entry, state }),
        ),
      ).toEqual([whenHeld, whenPending, whenNeither]);
    },
  );

  test('a blocked host counts as pending', () => {
    const failure = { code: 'DISK_FULL', message: 'full', retryable: true, scope: 'path' } as const;
    const entry = fileEntry({
      origin: 'B',
      heldBy: ['B'],
      pending: [],
      blocked: [{ host: 'A', failure, since: new Date() }],
    });
    expect(reconcile({ ...base, entry, state: 'current' })).toBe('hold');
    expect(reconcile({ ...base, entry, state: 'superseded' })).toBe('nothing');
  });
});

test('a scan leaves unknown bytes to the pending delivery if an older version may be forgotten', () => {
  const superseded = Array.from({ length: supersededLimit }, (_, i) => ({
    size: 100 + i,
    mtime: i,
    version: `old ${i}`,
    conflicting: false,
  }));
  const full = { ...pending, superseded },
    scanned = { ...base, state: 'unknown' as const };
  expect(reconcile({ ...scanned, entry: full })).toBe('nothing');
  expect(reconcile({ ...scanned, entry: { ...full, superseded: superseded.slice(1) } })).toBe(
    'new-version',
  );
  expect(reconcile({ ...scanned, entry: full, why: 'named' })).toBe('new-version');
  expect(reconcile({ ...scanned, entry: { ...full, pending: [] } })).toBe('new-version');
  // No host can deliver: this file is better than none.
  expect(reconcile({ ...scanned, entry: { ...full, heldBy: [] } })).toBe('new-version');
});

test('a scan takes a file that may be a forgotten version for one if another host has the current bytes', () => {
  const superseded = Array.from({ length: supersededLimit }, (_, i) => ({
    size: 100 + i,
    mtime: 1_000 + i,
    version: `old ${i}`,
    conflicting: false,
  }));
  const full = { ...held, superseded };
  const scanned = { ...base, state: 'unknown' as const, mayBeForgotten: true };
  expect(reconcile({ ...scanned, entry: full })).toBe('mark-pending');
  expect(reconcile({ ...scanned, entry: { ...full, heldBy: ['B'] } })).toBe('mark-pending');
  expect(reconcile({ ...scanned, entry: { ...full, heldBy: ['A'] } })).toBe('new-version');
  for (const why of ['named', 'asserted'] as const)
    expect(reconcile({ ...scanned, entry: full, why })).toBe('new-version');
  const expected = { ...nothing, saveExpected: true };
  expect(reconcile({ ...scanned, entry: full, evidence: expected })).toBe('nothing');
  expect(reconcile({ ...scanned, entry: full, ready: false })).toBe('nothing');
});

describe('a tombstone', () => {
  test.each<[FileState, ReconcileAnswer, ReconcileAnswer]>([
    ['absent', 'nothing', 'hold'],
    ['superseded', 'trash', 'trash'],
    ['conflicting', 'trash', 'trash'],
    ['unknown', 'new-version', 'new-version'],
  ])('%s: held → %s, pending → %s', (state, whenHeld, whenPending) => {
    const entries = [
      tombstoneEntry({ heldBy: ['A'] }),
      tombstoneEntry({ origin: 'B', heldBy: ['B'], pending: ['A'] }),
    ];
    expect(entries.map((entry) => reconcile({ ...base, entry, state }))).toEqual([
      whenHeld,
      whenPending,
    ]);
  });

  test('removes nothing while removals are halted', () => {
    expect(
      reconcile({
        ...base,
        entry: tombstoneEntry({ heldBy: ['B'] }),
        state: 'superseded',
        removalsHalted: true,
      }),
    ).toBe('nothing');
  });
});

describe('an older version at the path of a host that had the current one', () => {
  const removed = fileEntry({
    origin: 'B',
    heldBy: ['B'],
    pending: [],
    stamps: { A: removedStamp },
  });

  test.each<[FileState]>([['superseded'], ['conflicting']])(
    'is the new version once a save names it: %s',
    (state) => {
      expect(
        [held, removed, pending, neither].map((entry) =>
          reconcile({ ...base, why: 'named', entry, state }),
        ),
      ).toEqual(['new-version', 'new-version', 'nothing', 'mark-pending']);
      expect(reconcile({ ...base, why: 'named', ready: false, entry: held, state })).toBe(
        'mark-pending',
      );
    },
  );

  test('is the new version once a save names it, if the current one was captured here and no host holds it', () => {
    const missing = fileEntry({ origin: 'A', heldBy: [], pending: ['A', 'B'] }),
      asked = { ...base, why: 'named' as const, entry: missing, state: 'superseded' as const };
    expect(reconcile(asked)).toBe('new-version');
    expect(reconcile({ ...asked, ...withEvidence({ ownCopy: true }), why: 'named' })).toBe(
      'restore',
    );
    const others = [
      { ready: false },
      { why: 'scan' as const },
      { entry: { ...missing, origin: 'B' } },
      { entry: { ...missing, heldBy: ['B'] } },
    ];
    for (const other of others) expect(reconcile({ ...asked, ...other })).toBe('nothing');
  });

  test('gives way to the current one where a late delivery brought it', () => {
    expect(
      reconcile({
        ...withEvidence({ lateDelivery: true }),
        why: 'named',
        entry: held,
        state: 'superseded',
      }),
    ).toBe('restore');
    expect(
      reconcile({ ...withEvidence({ lateDelivery: true }), entry: held, state: 'superseded' }),
    ).toBe('restore');
  });

  test('gives way to a version that the app wrote before a late delivery replaced it, even if it was not captured', () => {
    const asked = { ...withEvidence({ uncaptured: true }), why: 'named' as const };
    for (const state of ['superseded', 'conflicting'] as const) {
      expect(reconcile({ ...asked, entry: held, state })).toBe('put-back');
      expect(
        reconcile({
          ...asked,
          entry: fileEntry({ origin: 'A', heldBy: [], pending: ['A', 'B'] }),
          state,
        }),
      ).toBe('put-back');
      const deleted = {
        ...asked,
        evidence: { ...asked.evidence, referenced: true },
        entry: tombstoneEntry({ heldBy: ['A'] }),
      };
      expect(reconcile({ ...deleted, state })).toBe('put-back');
    }
    expect(reconcile({ ...asked, entry: held, state: 'current' })).toBe('nothing');
  });

  test('is left to a save that may be about to name it, by a scan', () => {
    expect(
      [held, removed].map((entry) =>
        reconcile({ ...withEvidence({ saveExpected: true }), entry, state: 'superseded' }),
      ),
    ).toEqual(['nothing', 'nothing']);
  });

  test('needs evidence only where it matters', () => {
    const asked = { ...base, evidence: {}, state: 'superseded' as const };
    expect(reconcile({ ...asked, why: 'named', entry: held })).toEqual({ needs: 'lateDelivery' });
    expect(
      reconcile({ ...asked, evidence: { lateDelivery: false }, why: 'named', entry: held }),
    ).toEqual({ needs: 'uncaptured' });
    expect(reconcile({ ...asked, entry: removed })).toEqual({ needs: 'saveExpected' });
    expect(reconcile({ ...asked, why: 'named', entry: neither })).toBe('mark-pending');
    expect(reconcile({ ...asked, state: 'current', why: 'named', entry: held })).toBe('nothing');
  });
});

describe('a file under a tombstone', () => {
  const acknowledged = tombstoneEntry({ heldBy: ['A'] }),
    announced = tombstoneEntry({ origin: 'B', heldBy: ['B'], pending: ['A'] });

  test('wins if a save names it and a document still does, whatever its date', () => {
    for (const entry of [acknowledged, announced]) {
      expect(
        reconcile({
          ...withEvidence({ referenced: true }),
          why: 'named',
          entry,
          state: 'superseded',
        }),
      ).toBe('new-version');
      // What cannot be told is not removed.
      expect(
        reconcile({
          ...withEvidence({ referenced: 'unknown' }),
          why: 'named',
          entry,
          state: 'superseded',
        }),
      ).toBe('new-version');
      expect(reconcile({ ...base, why: 'named', entry, state: 'superseded' })).toBe('trash');
    }
  });

  test('that a scan finds again wins where a document names it, and waits for a save that may be about to', () => {
    expect(
      reconcile({
        ...withEvidence({ referenced: true }),
        entry: acknowledged,
        state: 'superseded',
      }),
    ).toBe('new-version');
    expect(
      reconcile({
        ...withEvidence({ referenced: 'unknown' }),
        entry: acknowledged,
        state: 'superseded',
      }),
    ).toBe('trash');
    expect(
      reconcile({
        ...withEvidence({ saveExpected: true }),
        entry: acknowledged,
        state: 'superseded',
      }),
    ).toBe('nothing');
    // The delete means this file, and asking the documents for each would cost too much.
    expect(reconcile({ ...base, evidence: {}, entry: announced, state: 'superseded' })).toBe(
      'trash',
    );
  });

  test('is taken back where a delivered delete took it after the save that names it', () => {
    const taken = {
      ...withEvidence({ takenByDelete: true, referenced: true }),
      why: 'named' as const,
      state: 'absent' as const,
    };
    expect([acknowledged, announced].map((entry) => reconcile({ ...taken, entry }))).toEqual([
      'take-back',
      'take-back',
    ]);
    expect(
      reconcile({ ...taken, evidence: { ...nothing, takenByDelete: true }, entry: acknowledged }),
    ).toBe('nothing');
    expect(
      reconcile({
        ...taken,
        evidence: { ...nothing, takenByDelete: true, referenced: 'unknown' },
        entry: acknowledged,
      }),
    ).toBe('nothing');
    expect(
      reconcile({ ...taken, evidence: { ...nothing, referenced: true }, entry: announced }),
    ).toBe('hold');
    expect(reconcile({ ...taken, why: 'scan', evidence: {}, entry: announced })).toBe('hold');
  });
});

test('a delete whose entry moved on is checked again only over a version of its own host', () => {
  expect(mayStillDelete(fileEntry({ origin: 'A' }), 'A')).toBe(true);
  expect(mayStillDelete(fileEntry({ origin: 'B' }), 'A')).toBe(false);
  expect(mayStillDelete(tombstoneEntry({ origin: 'A' }), 'A')).toBe(false);
  expect(mayStillDelete(undefined, 'A')).toBe(false);
});

describe('no entry', () => {
  test('an existing file is a new version, an absent one is not', () => {
    expect(reconcile({ ...base, entry: undefined, state: 'unknown' })).toBe('new-version');
    expect(reconcile({ ...base, entry: undefined, state: 'absent' })).toBe('nothing');
  });
});

describe('a host that is not ready', () => {
  const notReady = { ...base, ready: false };
  test('contributes files that its app named and no entry knows, but none that a scan found', () => {
    expect(reconcile({ ...notReady, why: 'named', entry: undefined, state: 'unknown' })).toBe(
      'new-version',
    );
    expect(reconcile({ ...notReady, entry: undefined, state: 'unknown' })).toBe('nothing');
    expect(reconcile({ ...notReady, why: 'named', entry: pending, state: 'unknown' })).toBe(
      'nothing',
    );
  });
  test('holds its copies of the current versions', () => {
    expect(reconcile({ ...notReady, entry: pending, state: 'current' })).toBe('hold');
  });
});

test('asserted bytes are a version whatever their file state', () => {
  for (const state of ['current', 'superseded', 'unknown'] as const) {
    expect(reconcile({ ...base, why: 'asserted', entry: held, state })).toBe('new-version');
  }
  expect(reconcile({ ...base, why: 'asserted', entry: held, state: 'absent' })).toBe('leave');
});

test('the bytes of the version with another date get its date, on every host and for every reason', () => {
  for (const entry of [held, pending, neither]) {
    for (const why of ['named', 'scan', 'asserted'] as const)
      expect(reconcile({ ...base, why, entry, state: 'redated' })).toBe('redate');
  }
});

test('an assertion is about the bytes that lay there when it was made', () => {
  const seen = { size: 10, mtime: 1_000, nanos: 5 };
  expect(findWhy('named', seen, { ...seen, sha256: 'aa' })).toBe('asserted');
  expect(findWhy('named', { ...seen, nanos: 6 }, seen)).toBe('named');
  expect(findWhy('scan', undefined, seen)).toBe('scan');
  expect(findWhy('scan', seen, undefined)).toBe('scan');
});

test('a file that lost its last name becomes a tombstone once it is gone from this disk', () => {
  expect(reconcileUnreferenced({ me: 'A', entry: held, isHere: true })).toBe('look-again');
  expect(reconcileUnreferenced({ me: 'A', entry: held, isHere: false })).toBe('tombstone');
  expect(
    reconcileUnreferenced({ me: 'A', entry: tombstoneEntry({ capturedBy: 'B' }), isHere: false }),
  ).toBe('nothing');
  expect(reconcileUnreferenced({ me: 'A', entry: undefined, isHere: false })).toBe('nothing');
});

test('a delete that this host has recorded is checked once more, wherever its file is', () => {
  for (const isHere of [true, false])
    expect(
      reconcileUnreferenced({
        me: 'A',
        entry: tombstoneEntry({ capturedBy: 'A', origin: 'B' }),
        isHere,
      }),
    ).toBe('check');
});

describe('a file that another host has captured and not reconciled yet', () => {
  const superseded = [{ size: 7, mtime: 700, version: 'v0', conflicting: false }];
  const [current, old, unknown] = [
    { size: 10, mtime: 1_000 },
    { size: 7, mtime: 700 },
    { size: 11, mtime: 1_100 },
  ];
  const ask = (entry: Entry | undefined, asserted: FileInfo[] = []): boolean[] =>
    [current, old, unknown].map((found) => willMakeVersion({ entry, found, host: 'C', asserted }));

  test('is going to be a version where the entry does not know it, where there is none, and over a tombstone', () => {
    expect(ask(undefined)).toEqual([true, true, true]);
    expect(ask(fileEntry({ superseded }))).toEqual([false, false, true]);
    expect(
      ask(
        tombstoneEntry({
          superseded: [
            ...superseded,
            { size: 10, mtime: 1_000, version: 'v1', conflicting: false },
          ],
        }),
      ),
    ).toEqual([true, true, true]);
  });

  test('is going to be a version if its bytes were asserted, whatever the entry knows', () => {
    expect(ask(fileEntry({ superseded }), [old])).toEqual([false, true, true]);
    expect(ask(tombstoneEntry({ superseded }), [old])).toEqual([true, true, true]);
  });

  test('is served where it may be the same bytes with another date', () => {
    expect(
      willMakeVersion({
        entry: fileEntry(),
        found: { size: 10, mtime: 2_000 },
        host: 'C',
        asserted: [],
      }),
    ).toBe(true);
  });

  test('is a version that the entry knows if only the content could distinguish them', () => {
    const twice = [
      ...superseded,
      { size: 7, mtime: 700, sha256: 'bb', version: 'v00', conflicting: false },
    ];
    expect(ask(fileEntry({ superseded: twice }))).toEqual([false, false, true]);
  });
});
