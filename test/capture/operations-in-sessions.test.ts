import type { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientSession, Mongoose, Schema } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { storeNamedByApp } from '../../src/capture/store-asserted.js';
import { CommitWatch } from '../../src/capture/session-commit.js';
import type { Path } from '../../src/model/path.js';
import { until } from '../harness/wait.js';
import { a, b, c, compilePhotos, type Photos, type Saved } from './photos.js';
import { makeSite, mongooses, type Site } from './site.js';

type Given = { session?: ClientSession };
const propagate = { onDelete: 'propagate', paths: 'file' } as const;

/** Every write there is, of a collection that holds two photos. */
const operations: Record<
  string,
  (photos: Photos, [first, second]: [Saved, Saved], given: Given) => unknown
> = {
  save: (_, [first], given) => first.set('file', c).save(given),
  create: (photos, _, given) => photos.create([{ file: c }], given),
  insertOne: (photos, _, given) => photos.insertOne({ file: c }, given),
  insertMany: (photos, _, given) => photos.insertMany([{ file: c }], given),
  'insertMany, lean': (photos, _, given) =>
    photos.insertMany([{ file: c }], { ...given, lean: true }),
  'insertMany, raw result': (photos, _, given) =>
    photos.insertMany([{ file: c }], { ...given, rawResult: true }),
  bulkSave: (photos, documents, given) =>
    photos.bulkSave(
      documents.map((one) => one.set('file', c)),
      given,
    ),
  updateOne: (photos, _, given) => photos.updateOne({ file: a }, { file: c }, given),
  'document.updateOne': (_, [first], given) => first.updateOne({ file: c }, given),
  updateMany: (photos, _, given) => photos.updateMany({}, { file: c }, given),
  replaceOne: (photos, _, given) => photos.replaceOne({ file: a }, { file: c }, given),
  findOneAndUpdate: (photos, _, given) => photos.findOneAndUpdate({ file: a }, { file: c }, given),
  findOneAndReplace: (photos, _, given) =>
    photos.findOneAndReplace({ file: a }, { file: c }, given),
  bulkWrite: (photos, _, given) =>
    photos.bulkWrite([{ updateMany: { filter: {}, update: { file: c } } }], given),
  deleteOne: (photos, _, given) => photos.deleteOne({ file: a }, given),
  'document.deleteOne': (_, [first], given) => first.deleteOne(given),
  deleteMany: (photos, _, given) => photos.deleteMany({}, given),
  findOneAndDelete: (photos, _, given) => photos.findOneAndDelete({ file: a }, given),
};
const rows = Object.entries(operations);

describe.each(mongooses)('operations in sessions on %s', (_name, mongoose) => {
  let site: Site;
  let photos: Photos;
  /** Of a Mongoose with `transactionAsyncLocalStorage`. */
  const own: Mongoose = new mongoose.Mongoose();
  own.set('transactionAsyncLocalStorage', true);

  beforeAll(async () => {
    site = await makeSite(own);
    for (const path of [a, b, c]) await site.write(path);
    photos = await compilePhotos(site, propagate);
  });
  afterAll(() => site.close());

  let documents: [Saved, Saved];
  beforeEach(async () => {
    await photos.collection.deleteMany({});
    documents = (await photos.create([{ file: a }, { file: b }])) as unknown as [Saved, Saved];
    await site.reset();
  });

  async function inSession(work: (session: ClientSession) => unknown): Promise<ClientSession> {
    const session = await site.connection.startSession();
    try {
      await work(session);
    } finally {
      await session.endSession();
    }
    return session;
  }

  /** Ours and the app's, all of them. */
  function expectAllIn(session: ClientSession): void {
    expect(site.commands.length).toBeGreaterThan(1);
    expect(site.commands.map(({ collection }) => collection)).toContain('syncmedia_captures');
    expect(
      site.commands
        .filter(({ command }) => JSON.stringify(command['lsid']) !== JSON.stringify(session.id))
        .map(({ name }) => name),
    ).toEqual([]);
  }

  test.each(rows)(
    "%s: all its reads and writes carry its session's id",
    async (_operation, run) => {
      const session = await inSession((given) => run(photos, documents, { session: given }));
      expectAllIn(session);
      expect(site.handedOver).toHaveLength((await site.captures()).length);
      expect(site.handedOver.length).toBeGreaterThan(0);
    },
  );

  test.each(rows)('%s: also that of the surrounding transaction', async (_operation, run) => {
    const storage = (own as Mongoose & { transactionAsyncLocalStorage: AsyncLocalStorage<unknown> })
      .transactionAsyncLocalStorage;
    const session = await inSession((surrounding) =>
      storage.run({ session: surrounding }, async () => {
        await run(photos, documents, {});
      }),
    );
    expectAllIn(session);
  });

  test.each(rows)(
    '%s: in a transaction nothing is handed over before its end, and no write concern is sent',
    async (_operation, run) => {
      const session = await site.connection.startSession();
      session.startTransaction();
      await run(photos, documents, { session });
      expect(site.handedOver).toEqual([]);
      for (const { command } of site.commands)
        expect(command).toMatchObject({ lsid: session.id, autocommit: false });
      expect(site.commands.filter(({ command }) => command['writeConcern'] !== undefined)).toEqual(
        [],
      );
      expect(site.commands.map(({ command }) => command['startTransaction'] === true)).toEqual(
        site.commands.map((_, index) => index === 0),
      );
      await session.abortTransaction().catch(() => undefined);
      await session.endSession();
    },
  );

  test('sync.capture and sync.remove write in the session they are given, or the surrounding one', async () => {
    const storage = (own as Mongoose & { transactionAsyncLocalStorage: AsyncLocalStorage<unknown> })
      .transactionAsyncLocalStorage;
    const ask = (asked: Parameters<typeof storeNamedByApp>[0], given: Given) =>
      storeNamedByApp(asked, given, site.capturing!, site.connection, new CommitWatch());
    const session = await inSession(async (given) => {
      await ask({ touched: [a as Path] }, { session: given });
      await storage.run({ session: given }, () => ask({ unreferenced: [b as Path] }, {}));
      await ask({}, { session: given });
    });
    expectAllIn(session);
    expect(
      site.handedOver.map(({ touched, unreferenced: left, asserted }) => ({
        touched,
        unreferenced: left,
        asserted: asserted?.map(({ path }) => path),
      })),
    ).toEqual([
      { touched: [a], unreferenced: [], asserted: [a] },
      { touched: [], unreferenced: [b], asserted: undefined },
    ]);
  });

  describe('in transactions', () => {
    test('each operation: a commit hands over, an abort leaves nothing', async () => {
      for (const [operation, run] of rows) {
        await photos.collection.deleteMany({});
        const create = async () =>
          (await photos.create([{ file: a }, { file: b }])) as unknown as [Saved, Saved];
        const [forAbort, forCommit] = [await create(), await create()];
        await site.reset();
        await expect(
          site.connection.transaction(async (session) => {
            await run(photos, forAbort, { session });
            throw new Error('changed my mind');
          }),
          operation,
        ).rejects.toThrow('changed my mind');
        expect(await site.captures(), operation).toEqual([]);
        await site.connection.transaction(async (session) => {
          await run(photos, forCommit, { session });
        });
        await until(() => site.handedOver.length > 0, { what: `the captures of ${operation}` });
        expect(new Set((await site.captures()).map(({ id }) => id)), operation).toEqual(
          new Set(site.handedOver.map(({ id }) => id)),
        );
      }
    });

    test('two transactions that share a file both commit', async () => {
      await Promise.all(
        documents.map(({ _id }) =>
          site.connection.transaction(async (session) => {
            await photos.updateOne({ _id }, { file: c }, { session });
          }),
        ),
      );
      await until(() => site.handedOver.length === 2);
      expect((await site.captures()).map(({ touched }) => touched)).toEqual([[c], [c]]);
    });

    test('a bulkSave that begins a transaction commits', async () => {
      await site.connection.transaction(async (session) => {
        await photos.bulkSave(
          Array.from({ length: 50 }, () => new photos({ file: c })),
          { session },
        );
      });
      await until(() => site.handedOver.length === 50);
      expect(await photos.countDocuments({ file: c })).toBe(50);
    });
  });

  test("another client's session is left alone", async () => {
    const elsewhere = await site.connect();
    const schema = new own.Schema({ file: String }) as Schema;
    schema.plugin(site.plugin, { syncDirs: 'uploads/photos', ...propagate });
    const there = elsewhere.model('There', schema) as unknown as Photos;
    await there.init();
    await there.create({ file: a });
    await site.reset();
    const session = await elsewhere.startSession();
    await there.updateOne({}, { file: b }, { session });
    await session.endSession();
    expect(
      (await site.captures()).map(({ touched, unreferenced: left }) => ({
        touched,
        unreferenced: left,
      })),
    ).toEqual([{ touched: [b], unreferenced: [a] }]);
  });
});
