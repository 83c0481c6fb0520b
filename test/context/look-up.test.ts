import { describe, expect, test } from 'vitest';
import type { PathCapture } from '../../src/capture/captured-paths.js';
import { lookUpPaths } from '../../src/context/look-up.js';
import type { Entry } from '../../src/model/entry.js';
import type { Path } from '../../src/model/path.js';

const path = 'uploads/a.jpg' as Path;
const capture: PathCapture = { host: 'one', id: '1', asserted: [] };
const entry = { path, version: 'v1' } as Entry;

/**
 * The database, on which something may happen right before each of its requests, counted from 0.
 */
function makeDatabase(happens: Record<number, () => void>) {
  const rows = { captures: [] as PathCapture[], entries: [] as Entry[] };
  let requests = 0;
  const ask = async <T>(read: () => T): Promise<T> => {
    await Promise.resolve();
    happens[requests++]?.();
    return read();
  };
  return {
    rows,
    outbox: {
      findCaptured: () =>
        ask(() => new Map(rows.captures.length > 0 ? [[path, [...rows.captures]]] : [])),
    },
    ledger: { readMany: () => ask(() => new Map(rows.entries.map((one) => [one.path, one]))) },
  };
}

describe('an acknowledged upload is visible in the outbox or in the ledger', () => {
  test.each([0, 1, 2])('whenever its capture is processed: before request %i', async (before) => {
    const database = makeDatabase({
      [before]: () => {
        database.rows.entries.push(entry);
        database.rows.captures.length = 0;
      },
    });
    database.rows.captures.push(capture);
    const known = (await lookUpPaths(database, [path]))(path);
    expect(known.captured.length > 0 || known.entry !== undefined).toBe(true);
  });

  test.each([
    [0, 1],
    [0, 2],
    [1, 2],
  ])(
    'whenever the two writes of its processing come: before the requests %i and %i',
    async (stored, removed) => {
      const database = makeDatabase({
        [stored]: () => {
          database.rows.entries.push(entry);
        },
        [removed]: () => {
          database.rows.captures.length = 0;
        },
      });
      database.rows.captures.push(capture);
      const known = (await lookUpPaths(database, [path]))(path);
      expect(known.captured.length > 0 || known.entry !== undefined).toBe(true);
    },
  );
});

test('a path that no host captured is unknown', async () => {
  expect((await lookUpPaths(makeDatabase({}), [path]))(path)).toEqual({
    captured: [],
    entry: undefined,
  });
});
