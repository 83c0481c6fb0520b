import { expect, test } from 'vitest';
import { countCopies, hasEnoughCopies, type Copies } from '../../src/decisions/copies.js';
import type { Host } from '../../src/model/host.js';
import { makePartial } from '../harness/partial.js';
import { fileEntry } from './entries.js';

function makeHost(id: string, status: Host['status']): Host {
  return makePartial<Host>({ id, hostname: id, status, syncDirs: [], deliveries: {} });
}
/** Whether the copies on A and C are enough. B lacks the file. */
function isEnough(copies: Copies, statusOfC: Host['status']): boolean {
  const hosts = [makeHost('A', 'approved'), makeHost('B', 'approved'), makeHost('C', statusOfC)];
  const entry = fileEntry({ heldBy: ['A', 'C'], pending: ['B'] });
  return hasEnoughCopies(countCopies(entry.path, entry, hosts, copies));
}

test.each<[Copies, boolean]>([
  [2, true],
  ['majority', true],
  ['all', false],
])('two of three hosts are enough for %s: %s', (copies, expected) => {
  expect(isEnough(copies, 'approved')).toBe(expected);
});

test.each<[Copies, boolean]>([
  [2, true],
  ['majority', false],
  ['all', false],
])('a paused host counts as one of %s: %s', (copies, expected) => {
  expect(isEnough(copies, 'paused')).toBe(expected);
});

test.each<Copies>(['majority', 'all'])(
  'while every host is paused, a save does not wait for %s',
  (copies) => {
    const entry = fileEntry({ heldBy: ['A'], pending: ['B'] });
    const hosts = [makeHost('A', 'paused'), makeHost('B', 'paused')];
    expect(hasEnoughCopies(countCopies(entry.path, entry, hosts, copies))).toBe(true);
  },
);

test('a retired host counts as no copy', () => {
  expect(isEnough(2, 'retired')).toBe(false);
});
