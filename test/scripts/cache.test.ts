import { expect, it } from 'vitest';
import { cacheDir, cacheDirs } from '../../scripts/cache.mjs';

it('is where the environment says, and never in the checkout', () => {
  expect(cacheDir({ XDG_CACHE_HOME: '/cache' })).toBe('/cache/syncmedia-test');
  expect(cacheDir({})).toMatch(/^\/.*\/syncmedia-test$/);
  expect(cacheDir({}).startsWith(process.cwd())).toBe(false);
});

it('also finds files that root fetched for the machine', () => {
  expect(cacheDirs({ XDG_CACHE_HOME: '/cache' })).toEqual([
    '/cache/syncmedia-test',
    '/var/cache/syncmedia-test',
  ]);
});
