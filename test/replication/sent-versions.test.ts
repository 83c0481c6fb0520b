import { expect, test } from 'vitest';
import { SentVersions } from '../../src/replication/sent-versions.js';
import type { Path } from '../../src/model/path.js';
import { fileEntry } from '../decisions/entries.js';

const entry = (name: string, version = 'v1') =>
  fileEntry({ path: `uploads/${name}` as Path, version });

test('knows the versions that are being sent or were delivered, and no others of their paths', () => {
  const sent = new SentVersions();
  sent.setUnderWay([entry('a')]);
  sent.addDelivered(entry('b'));
  expect([entry('a'), entry('b'), entry('c')].map((one) => sent.has(one))).toEqual([
    true,
    true,
    false,
  ]);
  expect([entry('a', 'v2'), entry('b', 'v2')].map((one) => sent.has(one))).toEqual([false, false]);
  sent.setUnderWay([]);
  expect(sent.has(entry('a'))).toBe(false);
});

test('remembers 5,000 delivered versions, and forgets the oldest first', () => {
  const sent = new SentVersions();
  for (let i = 0; i < 5_000; i++) sent.addDelivered(entry(String(i)));
  expect(sent.has(entry('0'))).toBe(true);
  // Delivered once more, it is the youngest.
  sent.addDelivered(entry('0'));
  sent.addDelivered(entry('another'));
  expect(['0', '1', '2', 'another'].map((name) => sent.has(entry(name)))).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
