import type { Connection } from 'mongoose';
import { Outbox } from './capture/outbox.js';
import { nativeCollection } from './database.js';
import type { EventBus } from './events.js';
import { checkDatabase } from './hosts/database-id.js';
import { ensureIndexes, hostRows } from './hosts/host-model.js';
import { Registry } from './hosts/registry.js';
import type { State } from './hosts/state.js';
import { SyncDirsStore, type SyncDirRow } from './hosts/sync-dirs-store.js';
import { Ledger, type Row } from './ledger/ledger.js';
import type { Config } from './options/config.js';
import type { KnownDirs } from './known-dirs.js';
import { Root } from './root/root.js';
import { RunStore, type RunRow } from './runs/run-store.js';
import type { HostId, SyncDir } from './words.js';

/** What an instance works with once its connection is open, on a machine that was initialised. */
export interface Parts {
  readonly connection: Connection;
  readonly me: HostId;
  readonly rootPath: string;
  readonly root: Root;
  readonly dirs: KnownDirs;
  readonly events: EventBus;
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly runs: RunStore;
  /** Stores what models compiled later declare. */
  declare(dirs: readonly SyncDir[]): Promise<void>;
  /** Reads hosts and sync dirs anew. */
  refresh(): Promise<void>;
}

/**
 * Opens what an instance works with: indexes, hosts, sync dirs. Declares this process's sync dirs to the others.
 * @throws BAD_STATE where the connection leads to another database than the one of `init`, FORMAT_TOO_NEW
 */
export async function openParts(
  config: Config, state: State, connection: Connection, dirs: KnownDirs, events: EventBus,
): Promise<Parts> {
  const prefix = config.collectionPrefix;
  await checkDatabase(connection, prefix, state);
  const rows = hostRows(connection, prefix);
  const ledger = new Ledger(nativeCollection<Row>(connection, `${prefix}ledger`));
  const outbox = new Outbox(connection, prefix);
  const runs = new RunStore(nativeCollection<RunRow>(connection, `${prefix}runs`));
  const store = new SyncDirsStore(() => nativeCollection<SyncDirRow>(connection, `${prefix}syncdirs`), config.log);
  await Promise.all([ensureIndexes(rows), ledger.ensureIndexes(), outbox.ensureIndexes(), runs.ensureIndexes()]);
  await store.declare(dirs.listDeclared());
  const registry = new Registry(() => rows, state.id);
  const refresh = async (): Promise<void> => {
    await registry.refresh();
    dirs.setStored(await store.all());
  };
  await refresh();
  const root = new Root(state.root, () => dirs.current());
  return { connection, me: state.id, rootPath: state.root, root, dirs, events, registry, ledger, outbox, runs, refresh, declare: (some) => store.declare(some) };
}
