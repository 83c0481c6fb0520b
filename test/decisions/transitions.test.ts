import { describe, expect, test } from 'vitest';
import {
  adopt,
  applyTransition,
  follow,
  hold,
  lacks,
  leave,
  mayAdopt,
  maySend,
  owe,
  settle,
  settleKept,
} from '../../src/decisions/transitions.js';
import type { Entry } from '../../src/model/words.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const after = (
  entry: Entry,
  transition: Parameters<typeof applyTransition>[1],
): Pick<Entry, 'heldBy' | 'owed' | 'adoptable'> => {
  const { heldBy, owed, adoptable } = applyTransition(entry, transition);
  return { heldBy, owed, ...(adoptable ? { adoptable } : {}) };
};
const entry = fileEntry({ version: 'v2', heldBy: ['A'], owed: ['B', 'C'] });

describe('settling', () => {
  test('ends what was owed', () => {
    expect(after(entry, settle(entry, 'v2', ['B', 'C']))).toEqual({
      heldBy: ['A', 'B', 'C'],
      owed: [],
    });
  });
  test('owes again where the entry moved on, and lets others adopt where that was the sender', () => {
    expect(
      after(fileEntry({ version: 'v2', heldBy: ['A', 'B'] }), settle(entry, 'v1', ['B'])),
    ).toEqual({ heldBy: ['A'], owed: ['B'] });
    expect(after(entry, settle(entry, 'v1', ['A']))).toEqual({
      heldBy: [],
      owed: ['B', 'C', 'A'],
      adoptable: true,
    });
  });
  test('of a file that the other side kept: not concerned, or owed whatever came meanwhile', () => {
    expect(after(entry, settleKept(entry, 'v2', 'B'))).toEqual({ heldBy: ['A'], owed: ['C'] });
    expect(after(entry, settleKept(entry, 'v1', 'B'))).toEqual({ heldBy: ['A'], owed: ['C', 'B'] });
  });
});

test('what an answer means for this host', () => {
  expect(follow('hold', entry, 'B')).toEqual(hold(['B']));
  expect(follow('restore', entry, 'B')).toEqual(hold(['B']));
  expect(follow('owe', entry, 'A')).toEqual(owe(entry, ['A']));
  expect(follow('leave', entry, 'A')).toEqual(leave(entry, 'A'));
  for (const answer of ['nothing', 'new-version', 'trash'] as const)
    expect(follow(answer, entry, 'A')).toBeUndefined();
  expect(after(entry, leave(entry, 'A'))).toEqual({
    heldBy: [],
    owed: ['B', 'C'],
    adoptable: true,
  });
});

describe('who sends', () => {
  test('the sender that has the bytes; a tombstone has none', () => {
    expect(maySend(entry, 'A', 'B')).toBe(true);
    expect(maySend(entry, 'B', 'C')).toBe(false);
    expect(maySend(fileEntry({ heldBy: ['C'], owed: ['B'] }), 'A', 'B')).toBe(false);
    expect(maySend(tombstoneEntry({ heldBy: ['C'], owed: ['B'] }), 'A', 'B')).toBe(true);
  });
  test('a holder adopts from a sender that lost the bytes, or is gone while others wait', () => {
    const left = applyTransition(fileEntry({ heldBy: ['A', 'B'], owed: ['C'] }), leave(entry, 'A'));
    expect([mayAdopt(left, 'B', []), mayAdopt(left, 'C', [])]).toEqual([true, false]);
    expect(adopt(left, 'B')).toMatchObject({ sender: 'B' });
    expect(adopt(left, 'B').adoptable).toBeUndefined();
    const orphan = fileEntry({ heldBy: ['A', 'B'], owed: ['C'] });
    expect([
      mayAdopt(orphan, 'B', ['A']),
      mayAdopt(orphan, 'B', []),
      mayAdopt({ ...orphan, owed: [] }, 'B', ['A']),
    ]).toEqual([true, false, false]);
    expect(mayAdopt(tombstoneEntry({ heldBy: ['A'], owed: ['C'] }), 'B', ['A'])).toBe(true);
  });
  test('a host that is neither holding, owed nor blocked lacks it', () => {
    expect(['A', 'B', 'D'].map((host) => lacks(entry, host))).toEqual([false, false, true]);
  });
});
