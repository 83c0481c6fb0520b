import { expect, test } from 'vitest';
import {
  findRsyncVersion,
  isVersionAtLeast,
  parseRsyncVersion,
} from '../../../src/transport/rsync/version.js';

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
  expect(isVersionAtLeast(version, [3, 2, 4])).toBe(expected);
});

test('only rsync itself has a version', () => {
  expect(parseRsyncVersion('rsync  version 3.2.7  protocol version 31\nCopyright')).toBe('3.2.7');
  expect(parseRsyncVersion('rsync  version v3.3.0  protocol version 31')).toBe('3.3.0');
  expect(
    parseRsyncVersion('openrsync: protocol version 29\nrsync version 2.6.9 compatible'),
  ).toBeUndefined();
  expect(parseRsyncVersion('sh: rsync: not found')).toBeUndefined();
});

test("this machine's is found", async () => {
  expect(await findRsyncVersion()).toMatch(/^\d+\.\d+\.\d+/);
});
