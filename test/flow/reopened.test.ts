import { createRequire } from 'node:module';
import mongoose9, { type Schema, type Connection, type Model, type Mongoose } from 'mongoose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { until } from '../harness/wait.js';
import { dir, openSite, quick, type Machine, type Photo, type Site } from './site.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const versions: [string, Mongoose][] = [
  ['Mongoose 9', mongoose9],
  ['Mongoose 8', createRequire(import.meta.url)('mongoose8') as Mongoose],
];

type Kind = 'default' | 'created' | 'shared';

/** An app that opens and closes its connection as it likes. */
interface ClosingApp {
  readonly sync: SyncMediaInstance;
  readonly connection: Connection;
  readonly Photo: Model<Photo>;
  readonly log: string[];
  holdsLease(): boolean;
  closeConnection(): Promise<void>;
  openConnection(uri?: string): Promise<void>;
  close(): Promise<void>;
}

let site: Site, one: Machine, two: Machine, app: ClosingApp;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
  await one.app.close();
});
afterEach(() => app.close());
afterAll(() => site.close());

/**
 * The app of the first host, on the default connection of a Mongoose, on one that was created, or
 * on one that shares the client of such a one.
 */
async function startApp(base: Mongoose, kind: Kind): Promise<ClosingApp> {
  // One that no other test has: its default connection is its own.
  const own = new base.Mongoose();
  const { uri, name } = site.database;
  const outer = kind === 'default' ? own.connection : own.createConnection();
  const connection = kind === 'shared' ? outer.useDb(name) : outer;
  const log: string[] = [];
  const say =
    (level: string) =>
    (message: string): void => {
      log.push(`${level}: ${message}`);
    };
  const sync = createSyncMedia(
    {
      environment: one.environment,
      log: { info: say('info'), warn: say('warning'), error: say('error') },
    },
    quick,
  );
  const schema = new own.Schema({ title: String, file: String }) as unknown as Schema<Photo>;
  schema.plugin(sync.plugin as never, { syncDirs: [dir], rescan: false } as never);
  let held = false;
  sync.on('lease', (lease) => {
    ({ held } = lease);
  });
  const opened: ClosingApp = {
    sync,
    connection,
    log,
    Photo: connection.model<Photo>('Photo', schema),
    holdsLease: () => held,
    closeConnection: async () => {
      await (kind === 'default' ? own.disconnect() : outer.close());
    },
    openConnection: async (other = uri) => {
      await (kind === 'default' ? own.connect(other) : outer.openUri(other));
    },
    close: async () => {
      await sync.close();
      await outer.close();
    },
  };
  await opened.openConnection();
  await sync.start();
  await until(() => sync.isReady());
  return opened;
}

async function save(name: string): Promise<void> {
  await one.write(`${dir}/${name}`, name);
  await app.Photo.create({ title: name, file: `${dir}/${name}` });
}

const untilArrived = (name: string): Promise<unknown> =>
  until(async () => (await two.read(`${dir}/${name}`)) === name, { timeout: 20_000 });

describe.each(versions)('%s', (label, base) => {
  const short = label.replace(/\D/g, '');

  describe.each<Kind>(['default', 'created', 'shared'])('a %s connection', (kind) => {
    const nameOf = (what: string): string => `${what}-${short}-${kind}.jpg`;

    test('a file saved after the connection was closed and opened again is sent', async () => {
      app = await startApp(base, kind);
      await save(nameOf('before'));
      await untilArrived(nameOf('before'));
      await app.closeConnection();
      await app.openConnection();
      await save(nameOf('after'));
      await untilArrived(nameOf('after'));
      // The capture is removed while its file is already on the way.
      await until(async () => (await app.sync.status()).captures === 0);
      expect(await app.sync.isReady()).toBe(true);
    });

    test('a save while it is closed fails as it does without the plugin, and the next one is sent', async () => {
      app = await startApp(base, kind);
      const { base: own } = app.connection;
      const Plain = app.connection.model<{ title: string }>(
        'Plain',
        new own.Schema({ title: String }) as unknown as Schema<{ title: string }>,
      );
      await Plain.init();
      await app.closeConnection();
      const refusal = async (saving: Promise<unknown>): Promise<unknown> =>
        saving.then(
          () => 'saved',
          (error: unknown) => (error as Error).name,
        );
      expect(await refusal(save(nameOf('refused')))).toBe(
        await refusal(Plain.create({ title: 'x' })),
      );
      await app.openConnection();
      await save(nameOf('repeated'));
      await untilArrived(nameOf('repeated'));
      expect(await app.Photo.countDocuments({ title: nameOf('refused') })).toBe(0);
    });

    test('saves while it opens are sent where they were stored', async () => {
      app = await startApp(base, kind);
      await app.closeConnection();
      const names = Array.from({ length: 20 }, (_, index) => nameOf(`opening-${String(index)}`));
      for (const name of names) await one.write(`${dir}/${name}`, name);
      const opening = app.openConnection();
      const stored: string[] = [];
      for (const name of names)
        await app.Photo.create({ title: name, file: `${dir}/${name}` }).then(
          () => {
            stored.push(name);
          },
          () => undefined,
        );
      await opening;
      await save(nameOf('opened'));
      for (const name of [...stored, nameOf('opened')]) await untilArrived(name);
    });

    test('after a time in which another process could have taken the lease, this one works again', async () => {
      app = await startApp(base, kind);
      await until(() => app.holdsLease(), { timeout: 20_000 });
      await app.closeConnection();
      await until(() => !app.holdsLease(), { timeout: 20_000 });
      await app.openConnection();
      await until(() => app.holdsLease(), { timeout: 20_000 });
      await save(nameOf('much-later'));
      await untilArrived(nameOf('much-later'));
    });

    test('opened many times it is listened to once, and no more after the instance is closed', async () => {
      app = await startApp(base, kind);
      const listening = (): number[] =>
        ['open', 'close', 'disconnecting'].map((event) => app.connection.listenerCount(event));
      const before = listening();
      for (let times = 0; times < 10; times++) {
        await app.closeConnection();
        await app.openConnection();
        await app.sync.status();
      }
      await save(nameOf('tenth'));
      await untilArrived(nameOf('tenth'));
      expect(listening()).toEqual(before);
      await app.sync.close();
      expect(listening().every((count, index) => count < (before[index] ?? 0))).toBe(true);
    });
  });

  describe('opened to another database', () => {
    let other: TestDatabase;
    beforeAll(async () => {
      other = await testDatabase();
    });
    afterAll(() => other.close());

    test('it is refused with both names, and used again once it leads back', async () => {
      app = await startApp(base, 'default');
      await app.closeConnection();
      await app.openConnection(other.uri);
      const line = await until(() =>
        app.log.find((said) => said.startsWith('error') && said.includes(other.name)),
      );
      expect(line).toContain(site.database.name);
      await expect(app.sync.status()).rejects.toMatchObject({ code: 'BAD_STATE' });
      await until(async () => !(await app.sync.isReady()));
      // Nothing of ours was written there.
      expect(
        (await other.connection.listCollections()).filter(({ name }) =>
          name.startsWith('syncmedia'),
        ),
      ).toEqual([]);
      await app.closeConnection();
      await app.openConnection();
      await save(`back-${short}.jpg`);
      await untilArrived(`back-${short}.jpg`);
    });
  });

  test('on a closed connection, calls that need the database say that the app closed it', async () => {
    app = await startApp(base, 'default');
    await app.closeConnection();
    await expect(app.sync.status()).rejects.toMatchObject({ code: 'NO_CONNECTION' });
    await until(async () => !(await app.sync.isReady()));
  });

  test('another connection instead: saves are captured there, the log asks for a restart, and they are sent after it', async () => {
    app = await startApp(base, 'created');
    const { base: own } = app.connection,
      name = `elsewhere-${short}.jpg`;
    await app.closeConnection();
    const other = await own.createConnection(site.database.uri).asPromise();
    try {
      const Photo = other.model<Photo>('Photo', app.Photo.schema);
      expect(app.log.filter((line) => line.includes('restarted'))).toEqual([
        expect.stringMatching(/^warning: the application closed the connection/),
      ]);
      await one.write(`${dir}/${name}`, name);
      await Photo.create({ title: name, file: `${dir}/${name}` });
      expect(
        await other
          .db!.collection('syncmedia_captures')
          .countDocuments({ touched: `${dir}/${name}` }),
      ).toBe(1);
      await app.close();
      app = await startApp(base, 'created');
      await untilArrived(name);
    } finally {
      await other.close();
    }
  });
});
