import { describe, expect, test } from 'vitest';
import { Decisions } from './decisions.js';
import type { Options } from './model.js';
import { plain } from './mutations.js';
import { rules } from './rules.js';
import { explore, type Explored } from './search.js';
import type { Budget } from './state.js';

/**
 * Every order of these events, with the product's own decisions. More of them: `npm run
 * test:explore -- --help`.
 */
const cases: [string, Partial<Record<Budget, number>>, Partial<Options>][] = [
  ['two writes', { writes: 2 }, {}],
  ['a write, unlinks, a crash, a late rename', { writes: 1, unlinks: 2, crashes: 1, late: 1 }, {}],
  [
    'a delete, a fetch, another record of the path, a crash, a late rename',
    { writes: 1, deletes: 1, fetches: 1, names: 1, crashes: 1, late: 1 },
    {},
  ],
  [
    'a new leader looks at captures that are not due, and they are processed again',
    { writes: 1, names: 2 },
    {},
  ],
  ['a process that pauses', { writes: 1, pauses: 1, unlinks: 1, crashes: 1 }, {}],
  ['a host is retired', { writes: 1, unlinks: 1, retires: 1, crashes: 1 }, {}],
  ['an edited caption', { writes: 1, edits: 1, crashes: 1, late: 1 }, {}],
  [
    'two files of one size and second',
    { writes: 1, unlinks: 1, crashes: 1, late: 1 },
    { collide: true },
  ],
  [
    'the entry and the disk are read one after the other',
    { writes: 1, unlinks: 1, crashes: 1, late: 1 },
    { fine: true },
  ],
  [
    'linking and renaming are two steps',
    { writes: 1, unlinks: 1, crashes: 1, late: 1 },
    { window: true },
  ],
  ['three hosts', { writes: 1, crashes: 1, late: 1 }, { hosts: 3 }],
  ['entries that forget', { writes: 2 }, { forgetful: true }],
  ['no scan comes to the rescue', { writes: 2, fetches: 1 }, { scanless: true }],
  ['a save over a save that others have not heard of', { writes: 3 }, { scanless: true }],
  ['an older version that is put back', { writes: 1, restores: 1 }, {}],
  ['a delete, and another record of the path', { unlinks: 1, deletes: 1, names: 1 }, {}],
  [
    'two files of one size and date, down to the fraction',
    { writes: 1, unlinks: 1, edits: 1 },
    { collide: true, exact: true },
  ],
  [
    'the same bytes are written once more, with another date',
    { touches: 2, edits: 1, crashes: 1, late: 1 },
    {},
  ],
  [
    'a capture beside its document, which the outbox may refuse',
    { writes: 2, refusals: 1 },
    { beside: true, scanless: true },
  ],
  [
    'a process that dies while it saves, or while only it has the capture',
    { writes: 1, refusals: 1, deaths: 1, crashes: 1, late: 1 },
    { beside: true },
  ],
  ['a passive host', { writes: 2, crashes: 1 }, { passive: true }],
  ['a host joins', { writes: 1, joins: 1 }, {}],
];
const explored: Explored[] = [];
/** Exploring ends by itself, at so many states; how long that takes depends on the machine. */
const limitMs = 240_000;

describe('in every order of events, all comes to rest and every promise holds', () => {
  test.each(cases)(
    '%s',
    (_, budget, options) => {
      const all = { ...plain, budget, ...options };
      const found = explore({ options: all, decisions: new Decisions(rules, all) });
      explored.push(found);
      expect(found.violations.map(({ what, trace }) => [what, ...trace])).toEqual([]);
      expect(found.complete).toBe(true);
      expect(found.atRest).toBeGreaterThan(0);
    },
    limitMs,
  );

  test('of at least 300,000 states', () => {
    expect(explored.reduce((sum, { states }) => sum + states, 0)).toBeGreaterThan(300_000);
  });
});
