import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Capture } from '../../src/model/capture.js';
import type { Path } from '../../src/model/path.js';
import { Outbox } from '../../src/capture/outbox.js';
import { makeSite, mongooses, type Site } from './site.js';
import { makeRowReader } from '../harness/row-reader.js';

function makeCapture(host: string, dueAt: string, more: Partial<Capture> = {}): Capture {
  return {
    id: randomUUID(),
    host,
    dueAt: new Date(dueAt),
    touched: ['docs/a' as Path],
    unreferenced: [],
    rescan: [{ dir: 'docs' as Path, after: 30 }],
    ...more,
  };
}

describe.each(mongooses)('the outbox on %s', (_name, mongoose) => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite(mongoose);
  });
  afterAll(() => site.close());
  beforeEach(() => site.reset());

  const [fiveBefore, threeBefore, noon] = [
    '2030-01-01T11:55:00Z',
    '2030-01-01T11:57:00Z',
    '2030-01-01T12:00:00Z',
  ] as const;

  test('returns the rows that were inserted, with dates as dates', async () => {
    const capture = makeCapture('a', fiveBefore, {
      savedBy: { model: 'Photo', id: '1' },
      asserted: [{ path: 'uploads/a.jpg' as Path, info: { size: 1, mtime: 2, nanos: 3 } }],
    });
    const plain = makeCapture('a', fiveBefore);
    await site.outbox.insert(capture);
    await site.outbox.insert(plain);
    expect(await site.outbox.findDue('a', new Date(fiveBefore), 10)).toEqual(
      expect.arrayContaining([capture, plain]),
    );
    const stored = await site.connection
      .collection('syncmedia_captures')
      .findOne({ _id: plain.id as never });
    expect(stored?.['dueAt']).toBeInstanceOf(Date);
    expect(Object.keys(stored ?? {}).sort()).toEqual([
      '_id',
      'dueAt',
      'host',
      'rescan',
      'touched',
      'unreferenced',
    ]);
  });

  test('gives a host its own due captures, oldest first, up to the limit', async () => {
    const [late, early, middle, foreign] = [
      makeCapture('a', noon),
      makeCapture('a', fiveBefore),
      makeCapture('a', threeBefore),
      makeCapture('b', fiveBefore),
    ];
    for (const capture of [late, early, middle, foreign]) await site.outbox.insert(capture);
    const ids = async (now: string, limit: number) =>
      (await site.outbox.findDue('a', new Date(now), limit)).map(({ id }) => id);
    expect(await ids(threeBefore, 10)).toEqual([early.id, middle.id]);
    expect(await ids(noon, 2)).toEqual([early.id, middle.id]);
    expect(await ids('2030-01-01T11:54:00Z', 10)).toEqual([]);
    expect([
      await site.outbox.count(),
      await site.outbox.count('a'),
      await site.outbox.count('b'),
    ]).toEqual([4, 3, 1]);
  });

  test('gives captures whose due date is too far ahead, since the clock was set back', async () => {
    const capture = makeCapture('a', noon);
    await site.outbox.insert(capture);
    expect(await site.outbox.findDue('a', new Date('2030-01-01T11:51:00Z'), 10)).toEqual([]);
    expect(await site.outbox.findDue('a', new Date('2030-01-01T11:49:00Z'), 10)).toEqual([capture]);
  });

  test('removes, withdraws and postpones by id', async () => {
    const captures = [
      makeCapture('a', fiveBefore),
      makeCapture('a', fiveBefore),
      makeCapture('a', fiveBefore),
      makeCapture('a', fiveBefore),
    ];
    for (const capture of captures) await site.outbox.insert(capture);
    const [one, two, three, four] = captures.map(({ id }) => id) as [
      string,
      string,
      string,
      string,
    ];
    await site.outbox.remove([one, two, randomUUID()]);
    await site.outbox.withdraw([three]);
    expect(await site.outbox.findStored([one, two, three, four])).toEqual(new Set([four]));
    await site.outbox.postpone(four, new Date(noon));
    expect(await site.outbox.findDue('a', new Date(threeBefore), 10)).toEqual([]);
    expect((await site.outbox.findDue('a', new Date(noon), 10)).map(({ id }) => id)).toEqual([
      four,
    ]);
  });

  test('writes with majority and reads from the primary, whatever the settings of the connection', async () => {
    const capture = makeCapture('a', fiveBefore);
    await site.outbox.insert(capture);
    await site.outbox.postpone(capture.id, new Date(threeBefore));
    await site.outbox.withdraw([capture.id]);
    await site.outbox.remove([capture.id]);
    const writes = site.commands.filter(({ name }) =>
      ['insert', 'update', 'delete'].includes(name),
    );
    expect(writes.map(({ name }) => name)).toEqual(['insert', 'update', 'delete', 'delete']);
    // A capture that is withdrawn and stays all the same is harmless.
    const concerns = writes.map(({ command }) => (command['writeConcern'] as { w: unknown }).w);
    expect(concerns).toEqual(['majority', 'majority', 1, 'majority']);
  });

  test('is none of the collections that Mongoose knows, lists and debugs', async () => {
    const own = new mongoose.Mongoose();
    const debugged: string[] = [];
    own.set('debug', (collection: string) => {
      debugged.push(collection);
    });
    const connection = await own.createConnection(site.database.uri).asPromise();
    const outbox = new Outbox(connection, 'syncmedia_', makeRowReader(connection));
    const capture = makeCapture('a', noon);
    await outbox.insert(capture);
    for (const collection of Object.values(connection.collections)) await collection.deleteMany({});
    expect(await outbox.findStored([capture.id])).toEqual(new Set([capture.id]));
    expect(debugged).toEqual([]);
    await connection.close();
  });

  describe('finds the hosts that captured a path', () => {
    const path = (name: string): Path => `uploads/${name}` as Path;
    const capture = (
      id: string,
      host: string,
      paths: readonly Path[],
      more: Partial<Capture> = {},
    ): Capture => ({ ...makeCapture(host, fiveBefore, more), id, touched: [...paths] });

    test('with the newest capture first, each host once, and with assertions', async () => {
      const seen = { size: 1, mtime: 2, nanos: 3 };
      await site.outbox.insertAll([
        capture('1', 'a', [path('x'), path('y')], {
          asserted: [
            { path: path('x'), info: seen },
            { path: path('y'), info: { ...seen, size: 9 } },
          ],
        }),
        capture('2', 'b', [path('x')]),
        capture('3', 'a', [path('x'), path('other')]),
        capture('4', 'a', [path('z')]),
      ]);
      const found = await site.outbox.findCaptured([path('x'), path('y'), path('none')]);
      expect(found).toEqual(
        new Map([
          [
            path('x'),
            [
              { host: 'a', id: '3', asserted: [seen] },
              { host: 'b', id: '2', asserted: [] },
            ],
          ],
          [path('y'), [{ host: 'a', id: '1', asserted: [{ ...seen, size: 9 }] }]],
        ]),
      );
      expect(await site.outbox.findCaptured([])).toEqual(new Map());
    });

    test('whatever the name of the path and the content of other rows', async () => {
      const names = ['$touched', '$$ROOT', '$', 'a.b', '{"$ne":1}', ' ', 'ä\u0001'].map(
        (name) => name as Path,
      );
      await site.outbox.insert(capture('1', 'a', names));
      const rows = site.connection.collection('syncmedia_captures');
      await rows.insertMany([
        { _id: 'x' as never, host: 7, touched: '$' },
        { _id: 'y' as never, host: 'b', touched: ['$', 3, null], asserted: ['no', null] },
      ]);
      const found = await site.outbox.findCaptured(names);
      expect(names.map((name) => found.get(name)?.some(({ host }) => host === 'a'))).toEqual(
        names.map(() => true),
      );
    });

    test('for more paths than go into one query, and beside a path that very many captures name', async () => {
      const paths = Array.from({ length: 1_200 }, (_, index) => path(String(index)));
      await site.outbox.insertAll(
        paths.map((one, index) =>
          capture(`m${String(index).padStart(4, '0')}`, index % 2 === 0 ? 'a' : 'b', [one]),
        ),
      );
      await site.outbox.insertAll(
        Array.from({ length: 2_100 }, (_, index) =>
          capture(`h${String(index).padStart(4, '0')}`, 'a', [path('hot')]),
        ),
      );
      const found = await site.outbox.findCaptured([
        ...paths.slice(0, 700),
        path('hot'),
        ...paths.slice(700),
      ]);
      expect(found.get(path('hot'))).toEqual([{ host: 'a', id: 'h2099', asserted: [] }]);
      expect(paths.filter((one) => found.get(one)?.length !== 1)).toEqual([]);
    });
  });

  test('has indexes for due captures and for the captures of a path', async () => {
    await site.outbox.ensureIndexes();
    const rows = site.connection.collection('syncmedia_captures');
    const indexes = await rows.listIndexes().toArray();
    expect(indexes.map(({ key }: { key?: unknown }) => key)).toEqual(
      expect.arrayContaining([
        { host: 1, dueAt: 1 },
        { touched: 1, _id: -1 },
      ]),
    );
    for (const paths of [['docs/a'], ['docs/a', 'docs/b']]) {
      await site.outbox.findCaptured(paths as Path[]);
      const command = site.commands.findLast(
        ({ name, collection }) => name === 'find' && collection === 'syncmedia_captures',
      )?.command;
      const { filter, sort, limit } = command as { filter: object; sort?: object; limit: number };
      const plan = JSON.stringify(
        await rows
          .find(filter, { ...(sort ? { sort: sort as never } : {}), limit })
          .explain('queryPlanner'),
      );
      expect([plan.includes('IXSCAN'), plan.includes('COLLSCAN'), plan.includes('"SORT"')]).toEqual(
        [true, false, false],
      );
    }
  });
});
