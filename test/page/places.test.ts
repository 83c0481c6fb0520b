import { describe, expect, test } from 'vitest';
import { countOtherHosts, findLackingHosts, findReasons, placeOf } from '../../src/page/places.js';
import type { WireFile } from '../../src/page/wire.js';
import { orderFiles, toWire } from './fake-data.js';

const files = toWire(orderFiles) as unknown as WireFile[];

describe('who has some files', () => {
  test('only hosts that lack one of them get a column, and the others are counted', () => {
    expect(findLackingHosts(files)).toEqual(['backup', 'img1', 'web3']);
    expect(countOtherHosts(files)).toBe(3);
  });

  test('a host has a file, waits for it, is blocked, or is not concerned', () => {
    const [front, , label] = files;
    expect(front && placeOf(front, 'web3')).toBe('holds');
    expect(label && ['web3', 'img1', 'web9'].map((name) => placeOf(label, name))).toEqual([
      'waits',
      'blocked',
      'unconcerned',
    ]);
  });

  test('there is one reason for each host and cause, with every path', () => {
    const reasons = findReasons(files).map(({ host, paths, isBlocked }) => [
      host,
      paths.length,
      isBlocked,
    ]);
    expect(reasons).toEqual([
      ['web3', 2, false],
      ['backup', 2, false],
      ['img1', 1, true],
    ]);
  });
});
