import { join } from 'node:path';
import type { mongo } from 'mongoose';
import type { CaptureRow } from '../../src/capture/captured-paths.js';
import { claimDatabaseId, getMetaCollection } from '../../src/database/database-id.js';
import {
  getHostCollection,
  type HostCollection,
  type HostRow,
} from '../../src/hosts/host-model.js';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import type { Entry } from '../../src/model/entry.js';
import { writeState } from '../../src/state-dir/state.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { fileEntry } from '../decisions/entries.js';
import { testDatabase, type DatabaseServer, type TestDatabase } from '../harness/database.js';
import { makeTestDir } from '../harness/tmp.js';
import { makeRow } from '../hosts/rows.js';

/** The prefix of the collections that the instance uses by default. */
const prefix = 'syncmedia_';

/** A database with the rows of some hosts, and an instance of one of them; no process leads. */
export interface OverviewSite {
  readonly database: TestDatabase;
  readonly rows: HostCollection;
  readonly ledger: mongo.Collection<LedgerRow>;
  readonly captures: mongo.Collection<CaptureRow>;
  readonly log: string[];
  /** Adds a host that works and is ready. */
  addHost(id: string, given?: Partial<HostRow>): Promise<void>;
  addEntries(entries: readonly (Omit<Partial<Entry>, 'path'> & { path: string })[]): Promise<void>;
  /** An instance of a host, with a reading of its own; the site closes it. */
  open(id?: string): Promise<SyncMediaInstance>;
  /** The variables with which the command line is run on a host. */
  makeEnvironment(id: string): Promise<Record<string, string>>;
  close(): Promise<void>;
}

/** @param server default: that of the run of vitest */
export async function openOverviewSite(server?: DatabaseServer): Promise<OverviewSite> {
  const [database, dir] = await Promise.all([testDatabase({}, server), makeTestDir()]);
  const { connection } = database;
  const databaseId = await claimDatabaseId(getMetaCollection(connection, prefix));
  const rows = getHostCollection(connection, prefix);
  const ledger = getNativeCollection<LedgerRow>(connection, `${prefix}ledger`);
  const opened: SyncMediaInstance[] = [];
  const log: string[] = [];
  const say = (message: string): void => {
    log.push(message);
  };
  let instances = 0;

  async function makeStateDir(id?: string): Promise<string> {
    const stateDir = join(dir.path, `state-${String(++instances)}`);
    if (id !== undefined)
      await writeState(stateDir, {
        format: 1,
        id,
        hostname: `name-${id}`,
        root: join(dir.path, 'root'),
        syncDirs: [],
        database: { name: database.name, id: databaseId },
        identityFile: join(dir.path, 'key'),
        authorizedKeysFile: join(dir.path, 'authorized_keys'),
        createdAt: new Date().toISOString(),
      });
    return stateDir;
  }

  async function open(id?: string): Promise<SyncMediaInstance> {
    const stateDir = await makeStateDir(id);
    const sync = createSyncMedia({
      connection,
      stateDir,
      log: { info: say, warn: say, error: say },
      environment: { HOME: dir.path },
    });
    opened.push(sync);
    return sync;
  }

  return {
    database,
    rows,
    ledger,
    captures: getNativeCollection<CaptureRow>(connection, `${prefix}captures`),
    log,
    open,
    makeEnvironment: async (id) => ({
      SYNCMEDIA_MONGODB_URI: database.uri,
      SYNCMEDIA_STATE_DIR: await makeStateDir(id),
      HOME: dir.path,
    }),
    addHost: async (id, given = {}) => {
      const now = new Date();
      await rows.insertOne(
        makeRow(id, {
          readyAt: now,
          createdAt: now,
          updatedAt: now,
          heartbeatAt: now,
          lease: { leader: 'another-boot:7:web:1:1:1:x', beat: 1 },
          ...given,
        }),
      );
    },
    addEntries: async (entries) => {
      await ledger.insertMany(
        entries.map((entry) => {
          const { path, ...row } = fileEntry(entry as Partial<Entry>);
          return { _id: path, ...row };
        }),
      );
    },
    close: async () => {
      for (const sync of opened) await sync.close();
      await database.close();
      await dir.remove();
    },
  };
}

/** A date that lies so many seconds back. */
export const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1000);
