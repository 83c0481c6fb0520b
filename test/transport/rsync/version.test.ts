import { expect, test } from 'vitest';
import { findVersion, isAtLeast, parseVersion } from '../../../src/transport/rsync/version.js';

test.each([
  ['3.2.4', true],
  ['3.2.10', true],
  ['3.3.0pre1', true],
  ['4.0.0', true],
  ['3.2.3', false],
  ['3.1.9', false],
  ['2.6.9', false],
  ['', false],
])('%s is 3.2.4 or newer: %s', (version, expected) => {
  expect(isAtLeast(version, [3, 2, 4])).toBe(expected);
});

test('only rsync itself has a version', () => {
  expect(parseVersion('rsync  version 3.2.7  protocol version 31\nCopyright')).toBe('3.2.7');
  expect(parseVersion('rsync  version v3.3.0  protocol version 31')).toBe('3.3.0');
  expect(
    parseVersion('openrsync: protocol version 29\nrsync version 2.6.9 compatible'),
  ).toBeUndefined();
  expect(parseVersion('sh: rsync: not found')).toBeUndefined();
});

test("this machine's is found", async () => {
  expect(await findVersion()).toMatch(/^\d+\.\d+\.\d+/);
});
