import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { getNativeCollection } from '../../src/util/collections.js';
import type { Downtime } from '../../src/decisions/forgotten.js';
import { createReplacedFileResolver } from '../../src/replication/resolve-replaced.js';
import { OwnDisk } from '../../src/replication/own-disk.js';
import { EventBus } from '../../src/model/events.js';
import { PathReconciler } from '../../src/ledger/reconcile-path.js';
import { Ledger } from '../../src/ledger/ledger.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeTestDir } from '../harness/tmp.js';
import { makeRowReader } from '../harness/row-reader.js';

export const photos: SyncDir = {
  path: 'uploads/photos' as Path,
  exclude: ['*.tmp'],
  conflict: 'newer',
  onDelete: 'keep',
};
export const photo = (name: string): Path => requireSafePath(`uploads/photos/${name}`);

/** One host's own side: its disk, and the ledger it shares. */
export interface SiteReplica {
  reconciler: PathReconciler;
  disk: OwnDisk;
  root: string;
  write(path: Path, content: string, mtime?: number): Promise<void>;
}

export interface SiteReplicaOptions {
  ready?: boolean;
  halted?: boolean;
  /** Paths that a capture of this host names, and that a document names. */
  captured?: ReadonlySet<Path>;
  named?: ReadonlySet<Path>;
  /** A scan leaves files that came less than so many milliseconds ago to a save. Default 0. */
  awaitedMs?: number;
  /** The downtime before its leader began. Default: none. */
  downtime?: Downtime;
}

export interface Site {
  database: TestDatabase;
  ledger: Ledger;
  events: EventBus;
  replica(me: string, options?: SiteReplicaOptions): Promise<SiteReplica>;
  close(): Promise<void>;
}

/** Some hosts of one site: real disks and a real ledger, without delivery queues. */
export async function openSite(hosts: readonly string[]): Promise<Site> {
  const database = await testDatabase();
  const ledger = new Ledger(
    () => getNativeCollection<LedgerRow>(database.connection, 'ledger'),
    makeRowReader(database.connection),
  );
  await ledger.ensureIndexes();
  const events = new EventBus();
  const dir = await makeTestDir();
  const dirs = new SyncDirs([photos]);

  async function replica(
    me: string,
    {
      ready = true,
      halted = false,
      captured = new Set(),
      named = new Set(),
      awaitedMs = 0,
      downtime = { since: new Date(), until: new Date() },
    }: SiteReplicaOptions = {},
  ): Promise<SiteReplica> {
    const root = join(dir.path, me);
    await mkdir(join(root, photos.path), { recursive: true });
    await writeMarker(nodeDisk, join(root, photos.path), me, photos.path);
    const disk = new OwnDisk(
      new Replica(root, () => dirs, { me: () => me }),
      root,
      () => dirs,
      me,
      createReplacedFileResolver(ledger, { all: () => [] }),
      10 * 60_000,
    );
    const reconciler = new PathReconciler({
      ledger,
      disk,
      me,
      events,
      isReady: () => ready,
      areRemovalsHalted: () => halted,
      awaitSaveMs: awaitedMs,
      downtime,
      isCaptured: (path) => Promise.resolve(captured.has(path)),
      isReferenced: (path) => Promise.resolve(named.has(path)),
      listReceivers: (path) =>
        dirs.findFor(path) && !dirs.isExcluded(path)
          ? hosts.filter((host) => host !== me)
          : undefined,
    });
    async function write(path: Path, content: string, mtime?: number): Promise<void> {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
      if (mtime !== undefined) await utimes(join(root, path), mtime, mtime);
    }
    return { reconciler, disk, root, write };
  }
  return {
    database,
    ledger,
    events,
    replica,
    close: async () => {
      await database.close();
      await dir.remove();
    },
  };
}
