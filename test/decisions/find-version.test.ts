import { describe, expect, test } from 'vitest';
import {
  findByRevision,
  parseVersionReference,
  requireTime,
} from '../../src/decisions/find-version.js';

describe('what names a version', () => {
  test.each([
    ['a1b2', { revision: 'a1b2' }],
    ['202611281200', { revision: '202611281200' }],
    ['2026-11-28', { time: new Date('2026-11-28T23:59:59.999Z') }],
    ['2026-11-28T12:00Z', { time: new Date('2026-11-28T12:00:00Z') }],
    ['2026-11-28T12:00:01.5+0100', { time: new Date('2026-11-28T11:00:01.500Z') }],
    ['2026-11-28T12:00', { time: new Date('2026-11-28T12:00') }],
  ])('%s is read as it is meant', (at, reference) => {
    expect(parseVersionReference(at)).toEqual(reference);
  });

  test.each(['2026', '202611', '20261128', '12345678901'])(
    'digits such as %s name nothing, because they may be a time or a revision',
    (at) => {
      expect(() => parseVersionReference(at)).toThrow(
        /may be a time or the beginning of a revision.*`syncmedia history` lists.*2026-11-28T12:00Z/,
      );
    },
  );

  test.each(['', 'abc', 'yesterday', '2026-13-01', '2026-02-30', '2026-11-28 12:00', '-x'])(
    '%j is refused, and the error names both forms',
    (at) => {
      expect(() => parseVersionReference(at)).toThrow(
        /neither a revision nor a time.*lists it.*2026-11-28/,
      );
    },
  );

  test('only a time is taken where a revision makes no sense', () => {
    expect(requireTime('2026-11-28T12:00Z')).toEqual(new Date('2026-11-28T12:00:00Z'));
    expect(() => requireTime('a1b2c3d4')).toThrow(/is no time/);
  });
});

test('a version is found by the beginning of its revision, if it is the only one', () => {
  const versions = [{ revision: 'a1b2ff' }, { revision: 'a1b200' }];
  expect(findByRevision(versions, 'a1b20')).toBe(versions[1]);
  expect(findByRevision(versions, 'ffff')).toBe(undefined);
  expect(() => findByRevision(versions, 'a1b2')).toThrow(/2 revisions begin with a1b2/);
});
