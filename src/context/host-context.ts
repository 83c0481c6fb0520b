import { findNamed as findNamedAmong, isPlugged, type NamingModel } from '../capture/find-named.js';
import { Outbox } from '../capture/outbox.js';
import type { EventBus } from '../model/events.js';
import { ensureIndexes, type HostRow, type HostRows } from '../hosts/host-model.js';
import { Registry } from '../hosts/registry.js';
import { Seals } from '../hosts/seal.js';
import { readOpenedDirs } from '../access/gate.js';
import { openDeclaredDirs } from '../hosts/own-dirs.js';
import type { State } from '../state-dir/state.js';
import { SyncDirsStore, type SyncDirRow } from '../hosts/sync-dirs-store.js';
import { Ledger } from '../ledger/ledger.js';
import type { Row } from '../ledger/filters.js';
import type { Config } from '../config/config.js';
import type { KnownDirs } from './known-dirs.js';
import type { RegisteredDatabase } from '../database/registered-database.js';
import { listParents } from '../replica/paths.js';
import { Root } from '../replica/replica.js';
import { RunStore, type RunRow } from '../runs/run-store.js';
import { UnreadableRows, type StoredUnreadable } from '../database/unreadable-rows.js';
import type { HostId, Named, Path, SyncDir } from '../model/words.js';

/**
 * Everything that an instance works with on an initialised machine, once its connection is open.
 */
export interface Parts {
  readonly database: RegisteredDatabase;
  /** The collection of hosts. */
  hostRows(this: void): HostRows;
  readonly me: HostId;
  readonly rootPath: string;
  readonly root: Root;
  readonly dirs: KnownDirs;
  readonly events: EventBus;
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly runs: RunStore;
  readonly unreadable: UnreadableRows;
  /** Stores and opens the sync dirs of models that were compiled later. */
  declare(dirs: readonly SyncDir[]): Promise<void>;
  /** The upload roots of all hosts, this one's first. */
  rootPaths(this: void): readonly string[];
  /**
   * Finds which of these paths a document still names. Paths below the sync dir of a model that
   * this process lacks stay undetermined.
   */
  findNamed(paths: readonly Path[], signal: AbortSignal): Promise<Named>;
  /** Stores that a model compiled later names files. */
  declareModel(model: NamingModel): Promise<void>;
  /** Reads hosts and sync dirs from the database again. */
  refresh(): Promise<void>;
}

/**
 * Opens everything that an instance works with: indexes, hosts, sync dirs. Declares this
 * process's sync dirs to the other processes.
 * @throws BAD_STATE if the connection leads to another database than the one of `init`,
 * FORMAT_TOO_NEW, NO_CONNECTION
 */
export async function openParts(
  config: Config,
  state: State,
  database: RegisteredDatabase,
  dirs: KnownDirs,
  events: EventBus,
  models: readonly NamingModel[],
): Promise<Parts> {
  const prefix = config.collectionPrefix;
  await database.ready();
  const collection =
    <T extends object>(name: string) =>
    () =>
      database.collection<T>(`${prefix}${name}`);
  const rows = collection<HostRow>('hosts');
  const unreadable = new UnreadableRows(collection<StoredUnreadable>('unreadable'), config.log);
  const ledger = new Ledger(collection<Row>('ledger'), unreadable);
  const outbox = new Outbox(database.connection, prefix, unreadable);
  const runs = new RunStore(collection<RunRow>('runs'), unreadable);
  const seals = new Seals(config.secret, config.previousSecret);
  const store = new SyncDirsStore(collection<SyncDirRow>('syncdirs'), config.log, seals);
  await Promise.all([
    ensureIndexes(rows()),
    ledger.ensureIndexes(),
    outbox.ensureIndexes(),
    runs.ensureIndexes(),
  ]);
  const declare = async (some: readonly SyncDir[]): Promise<void> => {
    const paths = some.map(({ path }) => path);
    dirs.requireShareable(paths);
    await openDeclaredDirs(config.stateDir, state, paths);
    await store.declare(some);
  };
  await declare(dirs.listDeclared());
  const declareModel = ({ model, options }: NamingModel): Promise<void> =>
    store.declareModel(model.modelName, options.syncDirs);
  for (const model of [...models]) await declareModel(model);
  const registry = new Registry(rows, state.id, seals);
  const refresh = async (): Promise<void> => {
    await registry.refresh();
    dirs.setOpened(await readOpenedDirs(config.stateDir, state.root));
    dirs.setStored(await store.all());
  };
  await refresh();
  const root = new Root(state.root, () => dirs.current(), { me: () => state.id });
  const rootPaths = (): string[] => [
    ...new Set([state.root, ...registry.all().map(({ rootPath }) => rootPath)]),
  ];
  return {
    database,
    hostRows: rows,
    me: state.id,
    rootPath: state.root,
    root,
    rootPaths,
    dirs,
    events,
    registry,
    ledger,
    outbox,
    runs,
    unreadable,
    refresh,
    declareModel,
    findNamed,
    declare,
  };

  async function findNamed(paths: readonly Path[], signal: AbortSignal): Promise<Named> {
    const naming = await store.listNaming(new Set(paths.flatMap(listParents)));
    const missing = new Map<Path, string>();
    for (const path of paths) {
      const known = listParents(path).flatMap((dir) => ({ dir, names: naming.get(dir) ?? [] }));
      const needed = known.flatMap(({ dir, names }) =>
        names === 'unknown' ? [] : names.map((name) => ({ dir, name })),
      );
      const lacking = needed.filter(({ dir, name }) => !isPlugged(models, name, dir));
      const unknown = known.find(({ names }) => names === 'unknown');
      if (unknown)
        missing.set(
          path,
          `the row of the sync dir ${unknown.dir} has no valid seal, so its models are not known`,
        );
      else if (needed.length === 0) missing.set(path, 'no model is known to name files there');
      else if (lacking.length > 0)
        missing.set(
          path,
          `this process has no model ` +
            `${lacking.map(({ dir, name }) => `${name} with the sync dir ${dir}`).join(', ')}`,
        );
    }
    const { named, unjudged } = await findNamedAmong(
      models,
      paths.filter((path) => !missing.has(path)),
      rootPaths(),
      signal,
    );
    return { named, unjudged: new Map([...missing, ...unjudged]) };
  }
}
