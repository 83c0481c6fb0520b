import { expect, test } from 'vitest';
import { listPathsOfAddress } from '../../src/decisions/match-url.js';
import type { Path } from '../../src/model/path.js';

const dirs = ['uploads/photos', 'invoices'] as Path[];
const list = (address: string, served: readonly string[] = []): string[] =>
  listPathsOfAddress(address, dirs, served);

test('a sync dir whose whole name is in the address comes first, wherever the application is mounted', () => {
  for (const address of [
    'https://example.com/uploads/photos/a/b.jpg?size=2#top',
    '/uploads/photos/a/b.jpg',
    'uploads/photos/a/b.jpg',
    'https://example.com/shop/uploads/photos/a/b.jpg',
  ])
    expect(list(address)[0]).toBe('uploads/photos/a/b.jpg');
});

test('an address below a mount is looked for in what is served, then below each sync dir', () => {
  expect(list('/media/photos/a.jpg', ['uploads'])[0]).toBe('uploads/photos/a.jpg');
  expect(list('/img/a.jpg')).toEqual([
    'uploads/photos/img/a.jpg',
    'uploads/photos/a.jpg',
    'invoices/img/a.jpg',
    'invoices/a.jpg',
  ]);
});

test('names are decoded once, and a name that holds an encoded slash or is malformed is none', () => {
  expect(list('/uploads/photos/%C3%A4%20%25.jpg')[0]).toBe('uploads/photos/ä %.jpg');
  expect(list('/uploads/photos/..%2F..%2Fetc')).toEqual([]);
  expect(list('/uploads/photos/%E0%A4%A')).toEqual([]);
  expect(list('http://[')).toEqual([]);
  expect(list('/')).toEqual([]);
});

test('dots lead nowhere, and a long address is tried as 200 paths at most', () => {
  expect(list('/uploads/photos/../../secret')).toEqual([
    'uploads/photos/secret',
    'invoices/secret',
  ]);
  expect(list('/a'.repeat(2_000)).length).toBe(200);
});
