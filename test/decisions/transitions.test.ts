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
  const { heldBy, pending, orphaned } = applyTransition(entry, transition);
  return { heldBy, pending, ...(orphaned ? { orphaned } : {}) };
};
const entry = fileEntry({ version: 'v2', heldBy: ['A'], pending: ['B', 'C'] });

describe('an acknowledgement', () => {
  test('ends the pending delivery', () => {
    expect(after(entry, acknowledgeDelivery(entry, 'v2', ['B', 'C']))).toEqual({
      heldBy: ['A', 'B', 'C'],
      pending: [],
    });
  });
  test('makes the host pending again if the entry moved on, and orphans the entry if that host is its origin', () => {
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
  test('of a kept file makes the host unconcerned, or pending if the entry moved on', () => {
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

test('each answer leads to its transition of this host', () => {
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

describe('delivering', () => {
  test('is up to the origin that holds the bytes; a tombstone has none', () => {
    expect(mayDeliver(entry, 'A', 'B')).toBe(true);
    expect(mayDeliver(entry, 'B', 'C')).toBe(false);
    expect(mayDeliver(fileEntry({ heldBy: ['C'], pending: ['B'] }), 'A', 'B')).toBe(false);
    expect(mayDeliver(tombstoneEntry({ heldBy: ['C'], pending: ['B'] }), 'A', 'B')).toBe(true);
  });
  test('is taken over by a holder if the origin lost the bytes, or is gone while hosts are pending', () => {
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
  test('does not concern a host that is neither holding, pending nor blocked', () => {
    expect(['A', 'B', 'D'].map((host) => isUnconcerned(entry, host))).toEqual([false, false, true]);
  });
});
