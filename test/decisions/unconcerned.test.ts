import { describe, expect, test } from 'vitest';
import { explainUnconcerned } from '../../src/decisions/unconcerned.js';
import { applyTransition, releaseHost, removeHolder } from '../../src/decisions/transitions.js';
import { makeBackfillKey } from '../../src/decisions/wants.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { makePartial } from '../harness/partial.js';
import { fileEntry, tombstoneEntry } from './entries.js';

const makeHost = (id: string, over: Partial<Host> = {}): Host =>
  makePartial<Host>({
    id,
    status: 'approved',
    syncDirs: [],
    passive: false,
    readyAt: new Date(0),
    backfilled: [],
    ...over,
  });
const b = makeHost('B');
const listed = [makeHost('A', { backfilled: [makeBackfillKey(b)] }), b];
const listing = 'it is new, and the files that it lacks are still being listed';

describe('a host that is not concerned', () => {
  test('waits for approval, or leaves the path out', () => {
    const waiting = makeHost('B', { status: 'pending' });
    expect(explainUnconcerned(waiting, fileEntry(), listed)).toBe('it waits for approval');
    const other = makeHost('B', { syncDirs: ['invoices' as Path] });
    expect(explainUnconcerned(other, fileEntry(), listed)).toBe('its sync dirs leave the path out');
  });

  test('had its copy removed by its application', () => {
    const held = fileEntry({ heldBy: ['A', 'B'] });
    const entry = applyTransition(held, removeHolder(held, 'B'));
    expect(explainUnconcerned(b, entry, listed)).toBe('its application removed the file');
  });

  test('keeps its own file, which won over the version or the delete', () => {
    for (const pending of [fileEntry({ pending: ['B'] }), tombstoneEntry({ pending: ['B'] })]) {
      const entry = applyTransition(pending, releaseHost('B'));
      expect(explainUnconcerned(b, entry, listed)).toBe('it keeps its own file there');
    }
  });

  test('is new while it fills itself, and until the origin has marked its older entries', () => {
    const filling = makeHost('B', { readyAt: undefined as never });
    expect(explainUnconcerned(filling, fileEntry(), listed)).toBe(listing);
    expect(explainUnconcerned(b, fileEntry(), [makeHost('A'), b])).toBe(listing);
    expect(explainUnconcerned(b, tombstoneEntry(), [makeHost('A'), b])).toBe(listing);
  });

  test('needs one other host that has marked the entries of a retired origin', () => {
    const retired = makeHost('A', { status: 'retired' });
    const marked = makeHost('C', { backfilled: [makeBackfillKey(b)] });
    const hosts = [retired, b, makeHost('C')];
    expect(explainUnconcerned(b, fileEntry(), hosts)).toBe(listing);
    expect(explainUnconcerned(b, fileEntry(), [retired, b, marked])).toBe(
      'it keeps its own file there',
    );
  });
});
