import type { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { ClientSession, Mongoose, Schema } from 'mongoose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Outbox } from '../../src/capture/outbox.js';
import { CommitWatch } from '../../src/capture/session-commit.js';
import { findSession } from '../../src/capture/session.js';
import type { Capture } from '../../src/model/capture.js';
import { until } from '../harness/wait.js';
import { makeRowReader } from '../harness/row-reader.js';
import { makeSite, mongooses, type Site } from './site.js';

describe.each(mongooses)('captures in sessions on %s', (_name, mongoose) => {
  let site: Site;
  beforeEach(async () => {
    site = await makeSite(mongoose);
    await site.write('uploads/photos/a.jpg');
  });
  afterEach(() => site.close());

  /** As `connection.transaction()` does around its function. */
  function surround<T>(home: Mongoose, session: ClientSession, work: () => T): T {
    return (
      home as Mongoose & { transactionAsyncLocalStorage: AsyncLocalStorage<unknown> }
    ).transactionAsyncLocalStorage.run({ session }, work);
  }

  const makeCapture = (): Capture => ({
    id: randomUUID(),
    host: 'host-a',
    dueAt: new Date(),
    touched: [],
    unreferenced: [],
    rescan: [],
  });

  test('captures that are stored when the session ends are handed over, the others are not', async () => {
    const commits = new CommitWatch();
    const session = await site.connection.startSession();
    const listeners = session.listenerCount('ended');
    const [stored, aborted, second] = [makeCapture(), makeCapture(), makeCapture()];
    await site.outbox.insert(stored);
    await site.outbox.insert(second);
    commits.add(session, [stored, aborted], site.capturing!);
    commits.add(session, [second], site.capturing!);
    expect(site.handedOver).toEqual([]);
    expect(session.listenerCount('ended')).toBe(listeners + 1);
    await session.endSession();
    await until(() => site.handedOver.length === 2);
    expect(new Set(site.handedOver)).toEqual(new Set([stored, second]));
  });

  test('remembers no more than 1,000 of one session', async () => {
    const commits = new CommitWatch();
    const session = await site.connection.startSession();
    const captures = Array.from({ length: 1_001 }, makeCapture);
    await site.connection
      .collection('syncmedia_captures')
      .insertMany(captures.map(({ id, ...row }) => ({ _id: id as never, ...row })));
    commits.add(session, captures, site.capturing!);
    await session.endSession();
    await until(() => site.handedOver.length > 0);
    expect(site.handedOver).toHaveLength(1_000);
  });

  test('an outbox that cannot be read is a warning, and the captures stay', async () => {
    const commits = new CommitWatch();
    const session = await site.connection.startSession();
    const failing = {
      ...site.capturing!,
      outbox: {
        findStored: () => Promise.reject(new Error('no primary')),
      } as unknown as Site['outbox'],
    };
    commits.add(session, [makeCapture()], failing);
    await session.endSession();
    await until(() => site.warnings.length === 1);
    expect(site.warnings[0]).toContain('no primary');
    expect(site.handedOver).toEqual([]);
  });

  test('inside a transaction the capture is part of it, without a write concern of its own', async () => {
    const schema = new mongoose.Schema({ file: String }) as Schema;
    schema.plugin(site.plugin, { syncDirs: 'uploads/photos' });
    const Photo = site.connection.model('Photo', schema);
    await Photo.init();
    await site.reset();
    const session = await site.connection.startSession();
    session.startTransaction();
    await new Photo({ file: 'a.jpg' }).save({ session });
    expect(site.handedOver).toEqual([]);
    await session.endSession();
    const insert = site.commands.find(({ collection }) => collection === 'syncmedia_captures');
    expect(insert).toMatchObject({
      name: 'insert',
      command: { lsid: session.id, startTransaction: true, autocommit: false },
    });
    expect(insert?.command['writeConcern']).toBeUndefined();
    expect(await site.captures()).toEqual([]);
  });

  test('under transactionAsyncLocalStorage the capture is written in the session of the surroundings', async () => {
    const own: Mongoose = new mongoose.Mongoose();
    own.set('transactionAsyncLocalStorage', true);
    const connection = await own
      .createConnection(site.database.uri, { monitorCommands: true })
      .asPromise();
    const sessions: unknown[] = [];
    connection
      .getClient()
      .on(
        'commandStarted',
        ({ commandName, command }: { commandName: string; command: Record<string, unknown> }) => {
          if (commandName === 'insert') sessions.push(command['lsid']);
        },
      );
    site.capturing = {
      ...site.capturing!,
      outbox: new Outbox(connection, 'syncmedia_', makeRowReader(connection)),
    };
    const schema = new own.Schema({ file: String }) as Schema;
    schema.plugin(site.plugin, { syncDirs: 'uploads/photos' });
    const Photo = connection.model('Photo', schema);
    await Photo.init();
    const session = await connection.startSession();
    await surround(own, session, () => new Photo({ file: 'a.jpg' }).save());
    expect(sessions).toEqual([session.id, session.id]);
    await surround(own, session, () => new Photo({ file: 'a.jpg' }).save({ session: null }));
    expect(sessions).toHaveLength(4);
    expect(sessions.slice(2)).not.toContainEqual(session.id);
    await session.endSession();
    await connection.close();
  });

  test("finds the document's session, else that of the surrounding transaction, unless it was said to be none", async () => {
    const own: Mongoose = new mongoose.Mongoose();
    own.set('transactionAsyncLocalStorage', true);
    const connection = own.createConnection();
    const [one, other] = [{ own: true }, { surrounding: true }] as unknown as [
      ClientSession,
      ClientSession,
    ];
    expect(findSession(null, {}, connection)).toBeUndefined();
    surround(own, other, () => {
      expect(findSession(one, {}, connection)).toBe(one);
      expect(findSession(null, {}, connection)).toBe(other);
      expect(findSession(null, undefined, connection)).toBe(other);
      expect(findSession(null, { session: null }, connection)).toBeUndefined();
      expect(findSession(null, { session: one }, connection)).toBe(one);
    });
    expect(findSession(null, {}, site.connection)).toBeUndefined();
    await connection.close();
  });

  describe('in transactions', () => {
    async function makePhoto(home: Mongoose = mongoose) {
      const schema = new home.Schema({ file: String }) as Schema;
      schema.plugin(site.plugin, { syncDirs: 'uploads/photos' });
      const Photo = site.connection.model('Photo', schema);
      await Photo.init();
      return Photo;
    }

    test('a commit hands over, after the end and not before', async () => {
      const Photo = await makePhoto();
      const session = await site.connection.startSession();
      await session.withTransaction(async () => {
        await new Photo({ file: 'a.jpg' }).save({ session });
        expect(await site.captures()).toEqual([]);
      });
      expect(site.handedOver).toEqual([]);
      await session.endSession();
      await until(() => site.handedOver.length === 1);
      expect(await site.captures()).toEqual(site.handedOver);
    });

    test('an abort hands over nothing and leaves nothing', async () => {
      const Photo = await makePhoto();
      await expect(
        site.connection.transaction(async (session) => {
          await new Photo({ file: 'a.jpg' }).save({ session });
          throw new Error('changed my mind');
        }),
      ).rejects.toThrow('changed my mind');
      await site.connection.transaction((session) =>
        new Photo({ file: 'a.jpg' }).save({ session }),
      );
      await until(() => site.handedOver.length === 1);
      expect(await site.captures()).toEqual(site.handedOver);
    });

    test('a duplicate key inside leaves nothing, and the error is that of the save', async () => {
      const schema = new mongoose.Schema({
        file: String,
        slug: { type: String, unique: true },
      }) as Schema;
      schema.plugin(site.plugin, { syncDirs: 'uploads/photos' });
      const Photo = site.connection.model('Slugged', schema);
      await Photo.init();
      await Photo.create({ file: 'a.jpg', slug: 'x' });
      await site.reset();
      await expect(
        site.connection.transaction((session) =>
          new Photo({ file: 'a.jpg', slug: 'x' }).save({ session }),
        ),
      ).rejects.toMatchObject({ code: 11000 });
      expect(await site.captures()).toEqual([]);
      expect(site.warnings).toEqual([]);
    });

    test('two transactions that share a file both commit', async () => {
      const Photo = await makePhoto();
      await Promise.all(
        [1, 2].map(() =>
          site.connection.transaction((session) => new Photo({ file: 'a.jpg' }).save({ session })),
        ),
      );
      await until(() => site.handedOver.length === 2);
      expect(await site.captures()).toHaveLength(2);
    });
  });
});
