import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import mongoose9, { type Connection, type Mongoose } from 'mongoose';
import type { CaptureDeps, CaptureContext, PluggedModel } from '../../src/capture/capturing.js';
import { Outbox } from '../../src/capture/outbox.js';
import { type CapturePlugin, createPlugin } from '../../src/capture/plugin.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { Capture } from '../../src/model/capture.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { testDatabase, type DatabaseServer, type TestDatabase } from '../harness/database.js';
import { makeTestDir } from '../harness/tmp.js';
import { makeRowReader } from '../harness/row-reader.js';

/**
 * Both majors that are supported. The alias has no types of its own: they declare the module
 * "mongoose".
 */
export const mongooses: [name: string, mongoose: Mongoose][] = [
  ['Mongoose 9', mongoose9],
  ['Mongoose 8', createRequire(import.meta.url)('mongoose8') as Mongoose],
];

/** A host with a root on this disk, its outbox, and what the plugin told. */
export interface Site {
  readonly mongoose: Mongoose;
  readonly connection: Connection;
  readonly database: TestDatabase;
  readonly rootPath: string;
  readonly root: Replica;
  readonly dirs: SyncDirs;
  readonly outbox: Outbox;
  readonly deps: CaptureDeps;
  readonly plugin: CapturePlugin;
  /** Undefined makes the machine one that was never initialised. */
  capturing: CaptureContext | undefined;
  readonly handedOver: Capture[];
  readonly warnings: string[];
  readonly models: { name: string; connection: Connection }[];
  readonly declared: { dirs: SyncDir[]; where: string }[];
  /** Commands that were sent to the database, by any connection of `connect`. */
  readonly commands: { name: string; collection: unknown; command: Record<string, unknown> }[];
  /** Writes a file below the root. */
  write(path: string): Promise<void>;
  /**
   * Every row of the outbox. Paths like `uploads/photos/uploads/…`, which a string may mean and
   * where no file ever lay, are left out of `left`.
   */
  captures(): Promise<Capture[]>;
  connect(): Promise<Connection>;
  /** Forgets all announcements, and empties the outbox. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export function makeDir(path: string, rules: Partial<SyncDir> = {}): SyncDir {
  return { path: path as Path, exclude: [], conflict: 'newer', onDelete: 'keep', ...rules };
}

export async function makeSite(
  mongoose: Mongoose,
  dirList: SyncDir[] = [makeDir('uploads/photos', { exclude: ['*.tmp'] }), makeDir('docs')],
  server?: DatabaseServer,
): Promise<Site> {
  const [database, dir] = await Promise.all([testDatabase({}, server), makeTestDir()]);
  const dirs = new SyncDirs(dirList);
  const rootPath = dir.path;
  const commands: Site['commands'] = [];
  const connections: Connection[] = [];
  const connect = async (): Promise<Connection> => {
    const connection = mongoose.createConnection(database.uri, {
      monitorCommands: true,
      serverSelectionTimeoutMS: 10_000,
      // A monitor that sees first that a server died makes the driver give up writes to it instead
      // of repeating them. This one only looks when a write has failed.
      ...(server && {
        serverSelectionTimeoutMS: 60_000,
        serverMonitoringMode: 'poll',
        heartbeatFrequencyMS: 60_000,
      }),
    });
    connections.push(connection);
    await connection.asPromise();
    connection
      .getClient()
      .on(
        'commandStarted',
        ({ commandName, command }: { commandName: string; command: Record<string, unknown> }) => {
          commands.push({ name: commandName, collection: command[commandName], command });
        },
      );
    return connection;
  };
  const connection = await connect();
  const outbox = new Outbox(connection, 'syncmedia_', makeRowReader(connection));
  await outbox.ensureIndexes();
  const root = new Replica(rootPath, () => dirs);
  const handedOver: Capture[] = [];
  const warnings: string[] = [];
  const models: Site['models'] = [];
  const declared: Site['declared'] = [];
  const log = {
    info: () => undefined,
    warn: (message: string) => {
      warnings.push(message);
    },
    error: (message: string) => {
      warnings.push(message);
    },
  };
  const deps: CaptureDeps = {
    collectionPrefix: 'syncmedia_',
    initialised: () => site.capturing !== undefined,
    getContext: () => site.capturing,
    onModel: (model: PluggedModel, on) => {
      models.push({ name: model.modelName, connection: on });
    },
    onDeclare: (declaredDirs, where) => {
      declared.push({ dirs: declaredDirs, where });
    },
  };
  const site: Site = {
    mongoose,
    connection,
    database,
    rootPath,
    root,
    dirs,
    outbox,
    deps,
    plugin: createPlugin(deps),
    handedOver,
    warnings,
    models,
    declared,
    commands,
    connect,
    capturing: {
      hostId: 'host-a',
      replica: root,
      rootPaths: () => [rootPath, '/srv/other'],
      dirs: () => dirs,
      outbox,
      log,
      dueMs: 30_000,
      awaitCopies: () => Promise.resolve(),
      reportUnnamed: () => undefined,
      reportUnsynced: () => undefined,
      handOver: (capture) => {
        handedOver.push(capture);
      },
    },
    async write(path) {
      await mkdir(dirname(join(rootPath, path)), { recursive: true });
      await writeFile(join(rootPath, path), path);
    },
    async captures() {
      const rows = await outbox.findDue('host-a', new Date(Date.now() + 60_000), 1_000);
      return rows.map((row) => ({
        ...row,
        unreferenced: row.unreferenced.filter(
          (path) => !path.startsWith('uploads/photos/uploads/'),
        ),
      }));
    },
    async reset() {
      await connection.collection('syncmedia_captures').deleteMany({});
      for (const list of [handedOver, warnings, commands]) list.length = 0;
    },
    async close() {
      await Promise.all(connections.map((one) => one.close()));
      await Promise.all([database.close(), dir.remove()]);
    },
  };
  return site;
}
