import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Outbox } from '../../src/capture/outbox.js';
import type { Registry } from '../../src/hosts/registry.js';
import type { Ledger } from '../../src/ledger/ledger.js';
import { EventBus } from '../../src/model/events.js';
import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';
import { CopiesTimeout, CopiesWatch, type CopiesRequest } from '../../src/replication/copies.js';
import { until } from '../harness/wait.js';
import { makeGate, type Gate } from './scripted-backend.js';

let watch: CopiesWatch, database: Gate, asked: number;
beforeEach(() => {
  database = makeGate();
  asked = 0;
  watch = new CopiesWatch({
    events: new EventBus(),
    ledger: {
      readMany: async (paths: readonly Path[]) => {
        asked = paths.length;
        await database.opened;
        return new Map<Path, Entry>();
      },
    } satisfies Pick<Ledger, 'readMany'> as unknown as Ledger,
    outbox: {
      findStored: () => Promise.resolve(new Set<string>()),
    } satisfies Pick<Outbox, 'findStored'> as unknown as Outbox,
    registry: {
      all: () => [],
      refresh: () => Promise.resolve([]),
    } satisfies Pick<Registry, 'all' | 'refresh'> as unknown as Registry,
  });
});
afterEach(async () => {
  database.open();
  await watch.close();
});

const listPaths = (count: number): Path[] =>
  Array.from({ length: count }, (_, i) => `uploads/${String(i)}.jpg` as Path);
const wait = (request: Partial<CopiesRequest>): Promise<unknown> =>
  watch.wait({
    paths: [],
    captures: [],
    copies: 'all',
    timeoutMs: 60_000,
    expected: false,
    ...request,
  });

test.each([
  ['paths', { paths: listPaths(15_000) }],
  ['absent paths', { absent: listPaths(15_000) }],
])('%s count towards the limit of all waits together, until their wait ends', async (_, many) => {
  const first = wait(many);
  await until(() => asked === 15_000);
  await expect(wait({ paths: listPaths(6_000) })).rejects.toBeInstanceOf(CopiesTimeout);
  // Which of these are files at all is found out first.
  const crowd = wait({ absent: listPaths(6_000) });
  const small = wait({ paths: listPaths(10) });
  // None of them is a file: there is nothing to wait for.
  database.open();
  expect(await Promise.all([first, crowd, small])).toEqual([[], [], []]);
  expect(await wait({ absent: listPaths(15_000) })).toEqual([]);
});

test('more absent paths than the limit do not keep an operation from its wait', async () => {
  database.open();
  expect(await wait({ absent: listPaths(25_000) })).toEqual([]);
});

test('a database that does not answer does not delay an operation with very many absent paths', async () => {
  const waiting = wait({ absent: listPaths(25_000), timeoutMs: 50 });
  await expect(waiting).rejects.toBeInstanceOf(CopiesTimeout);
});
