import { describe, expect, test } from 'vitest';
import {
  takeOver,
  applyTransition,
  deriveTransition,
  markHeld,
  isUnconcerned,
  removeHolder,
  mayTakeOver,
  mayDeliver,
  markPending,
  acknowledgeDelivery,
  acknowledgeKept,
} from '../../src/decisions/transitions.js';
import type { Entry } from '../../src/model/entry.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const after = (
  entry: Entry,
  transition: Parameters<typeof applyTransition>[1],
): Pick<Entry, 'heldBy' | 'pending' | 'orphaned'> => {
  const { heldBy, pending, orphaned: adoptable } = applyTransition(entry, transition);
  return { heldBy, pending, ...(adoptable ? { orphaned: adoptable } : {}) };
};
const entry = fileEntry({ version: 'v2', heldBy: ['A'], pending: ['B', 'C'] });

describe('settling', () => {
  test('ends what was owed', () => {
    expect(after(entry, acknowledgeDelivery(entry, 'v2', ['B', 'C']))).toEqual({
      heldBy: ['A', 'B', 'C'],
      pending: [],
    });
  });
  test('owes again where the entry moved on, and lets others adopt where that was the sender', () => {
    expect(
      after(
        fileEntry({ version: 'v2', heldBy: ['A', 'B'] }),
        acknowledgeDelivery(entry, 'v1', ['B']),
      ),
    ).toEqual({ heldBy: ['A'], pending: ['B'] });
    expect(after(entry, acknowledgeDelivery(entry, 'v1', ['A']))).toEqual({
      heldBy: [],
      pending: ['B', 'C', 'A'],
      orphaned: true,
    });
  });
  test('of a file that the other side kept: not concerned, or owed whatever came meanwhile', () => {
    expect(after(entry, acknowledgeKept(entry, 'v2', 'B'))).toEqual({
      heldBy: ['A'],
      pending: ['C'],
    });
    expect(after(entry, acknowledgeKept(entry, 'v1', 'B'))).toEqual({
      heldBy: ['A'],
      pending: ['C', 'B'],
    });
  });
});

test('what an answer means for this host', () => {
  expect(deriveTransition('hold', entry, 'B')).toEqual(markHeld(['B']));
  expect(deriveTransition('restore', entry, 'B')).toEqual(markHeld(['B']));
  expect(deriveTransition('mark-pending', entry, 'A')).toEqual(markPending(entry, ['A']));
  expect(deriveTransition('leave', entry, 'A')).toEqual(removeHolder(entry, 'A'));
  for (const answer of ['nothing', 'new-version', 'trash'] as const)
    expect(deriveTransition(answer, entry, 'A')).toBeUndefined();
  expect(after(entry, removeHolder(entry, 'A'))).toEqual({
    heldBy: [],
    pending: ['B', 'C'],
    orphaned: true,
  });
});

describe('who sends', () => {
  test('the sender that has the bytes; a tombstone has none', () => {
    expect(mayDeliver(entry, 'A', 'B')).toBe(true);
    expect(mayDeliver(entry, 'B', 'C')).toBe(false);
    expect(mayDeliver(fileEntry({ heldBy: ['C'], pending: ['B'] }), 'A', 'B')).toBe(false);
    expect(mayDeliver(tombstoneEntry({ heldBy: ['C'], pending: ['B'] }), 'A', 'B')).toBe(true);
  });
  test('a holder adopts from a sender that lost the bytes, or is gone while others wait', () => {
    const left = applyTransition(
      fileEntry({ heldBy: ['A', 'B'], pending: ['C'] }),
      removeHolder(entry, 'A'),
    );
    expect([mayTakeOver(left, 'B', []), mayTakeOver(left, 'C', [])]).toEqual([true, false]);
    expect(takeOver(left, 'B')).toMatchObject({ origin: 'B' });
    expect(takeOver(left, 'B').orphaned).toBeUndefined();
    const orphan = fileEntry({ heldBy: ['A', 'B'], pending: ['C'] });
    expect([
      mayTakeOver(orphan, 'B', ['A']),
      mayTakeOver(orphan, 'B', []),
      mayTakeOver({ ...orphan, pending: [] }, 'B', ['A']),
    ]).toEqual([true, false, false]);
    expect(mayTakeOver(tombstoneEntry({ heldBy: ['A'], pending: ['C'] }), 'B', ['A'])).toBe(true);
  });
  test('a host that is neither holding, owed nor blocked lacks it', () => {
    expect(['A', 'B', 'D'].map((host) => isUnconcerned(entry, host))).toEqual([false, false, true]);
  });
});
