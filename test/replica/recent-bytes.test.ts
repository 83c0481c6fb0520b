import { afterEach, expect, test, vi } from 'vitest';
import { RecentFileCache, type RecentFile } from '../../src/replica/recent-bytes.js';
import type { Path } from '../../src/model/path.js';

afterEach(() => {
  vi.useRealTimers();
});

const path = (name: string): Path => `uploads/${name}` as Path;
const fileOf = (size: number): RecentFile => ({
  bytes: Buffer.alloc(size),
  info: { size, mtime: 1, nanos: 0, sha256: 'x' },
});

test('recently read bytes are found, unless another file lies there now', () => {
  const recent = new RecentFileCache(),
    file = fileOf(10);
  recent.add(path('a'), file, 'the stamp');
  expect(recent.find(path('a'), () => 'the stamp')).toBe(file);
  expect(recent.find(path('a'), () => 'another')).toBeUndefined();
  expect(recent.find(path('a'), () => undefined)).toBeUndefined();
  expect(recent.find(path('b'), () => 'the stamp')).toBeUndefined();
});

test('it is forgotten after two seconds', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const recent = new RecentFileCache();
  recent.add(path('a'), fileOf(10), 's');
  vi.advanceTimersByTime(2_001);
  expect(recent.find(path('a'), () => 's')).toBeUndefined();
});

test.each([
  ['250 files', 251, 1],
  ['8 MiB', 9, 1024 * 1024],
])('no more than %s: the oldest goes first', (_, count, size) => {
  const recent = new RecentFileCache();
  for (let i = 0; i < count; i++) recent.add(path(String(i)), fileOf(size), 's');
  expect(recent.find(path('0'), () => 's')).toBeUndefined();
  expect(recent.find(path('1'), () => 's')).toBeDefined();
  expect(recent.find(path(String(count - 1)), () => 's')).toBeDefined();
});

test('a large file is not remembered', () => {
  const recent = new RecentFileCache();
  expect(recent.accepts(1024 * 1024)).toBe(true);
  expect(recent.accepts(1024 * 1024 + 1)).toBe(false);
  recent.add(path('a'), fileOf(1024 * 1024 + 1), 's');
  expect(recent.find(path('a'), () => 's')).toBeUndefined();
});
