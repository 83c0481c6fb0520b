import { expect, test } from 'vitest';
import { NamedSearch } from '../../src/leader/named-search.js';
import type { NamedPaths } from '../../src/model/capture.js';
import type { Path } from '../../src/model/path.js';

const [a, b, c] = ['uploads/a.jpg', 'uploads/b.jpg', 'uploads/c.jpg'] as [Path, Path, Path];

/** Searches that end when the test says so. */
function makeSearch(): {
  search: NamedSearch;
  searched: (readonly Path[])[];
  end(index: number, named?: readonly Path[]): void;
  fail(index: number, error: Error): void;
  ending: AbortController;
} {
  const searched: (readonly Path[])[] = [],
    ends: { resolve(named: NamedPaths): void; reject(error: unknown): void }[] = [],
    ending = new AbortController();
  const search = new NamedSearch((paths) => {
    searched.push(paths);
    return new Promise((resolve, reject) => {
      ends.push({ resolve, reject });
    });
  }, ending.signal);
  return {
    search,
    searched,
    ending,
    end: (index, named = []) => {
      ends[index]?.resolve({ named: new Set(named), undetermined: new Map() });
    },
    fail: (index, error) => {
      ends[index]?.reject(error);
    },
  };
}

test('one search answers all requests that came while another one was under way', async () => {
  const { search, searched, end } = makeSearch();
  const first = search.findNamedPaths([a]);
  const others = [
    search.findNamedPaths([a, b]),
    search.findNamedPaths([c]),
    search.findNamedPaths([b]),
  ];
  expect(searched).toEqual([[a]]);
  end(0, [a]);
  expect([...(await first).named]).toEqual([a]);
  await expect.poll(() => searched, { timeout: 10_000 }).toEqual([[a], [a, b, c]]);
  end(1, [b]);
  for (const { named } of await Promise.all(others)) expect([...named]).toEqual([b]);
});

test('a search that fails answers its requests, and the next one is tried', async () => {
  const { search, searched, end, fail } = makeSearch();
  const first = search.findNamedPaths([a]);
  fail(0, new Error('the database is away'));
  await expect(first).rejects.toThrow('the database is away');
  const second = search.findNamedPaths([a]);
  await expect.poll(() => searched.length, { timeout: 10_000 }).toBe(2);
  end(1);
  expect((await second).named.size).toBe(0);
});

test('requests that wait or come after its end are refused', async () => {
  const { search, searched, fail, ending } = makeSearch();
  const asked = [search.findNamedPaths([a]), search.findNamedPaths([b])];
  ending.abort();
  fail(0, new Error('aborted'));
  for (const one of [...asked, search.findNamedPaths([c])])
    await expect(one).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(searched).toEqual([[a]]);
});
