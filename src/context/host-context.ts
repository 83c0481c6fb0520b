import {
  findNamedPaths as findNamedAmong,
  isModelPlugged,
  type NamingModel,
} from '../capture/find-named.js';
import type { Outbox } from '../capture/outbox.js';
import type { EventBus } from '../model/events.js';
import { ensureHostIndexes, type HostRow, type HostCollection } from '../hosts/host-model.js';
import { Registry } from '../hosts/registry.js';
import { Seals } from '../hosts/seal.js';
import { readOpenedDirs } from '../access/gate.js';
import { openDeclaredDirs } from '../hosts/own-dirs.js';
import type { HostState } from '../state-dir/state.js';
import { SyncDirsStore, type SyncDirRow } from '../hosts/sync-dirs-store.js';
import { Ledger } from '../ledger/ledger.js';
import type { LedgerRow } from '../ledger/filters.js';
import type { Config, Tuning } from '../config/config.js';
import { CounterStore } from '../counters/counter-store.js';
import type { CounterRow } from '../counters/counter-row.js';
import { ForgottenPaths, type ForgottenPathRow } from './forgotten-paths.js';
import type { KnownDirs } from './known-dirs.js';
import type { KnownModels } from './known-models.js';
import type { RegisteredDatabase } from '../database/registered-database.js';
import { listParentPaths } from '../replica/paths.js';
import type { Replica } from '../replica/replica.js';
import { RunStore, type RunRow } from './run-store.js';
import type { UnreadableRows } from '../database/unreadable-rows.js';
import type { HostId } from '../model/host.js';
import type { NamedPaths } from '../model/capture.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';

/** What is known of an initialised machine before its database is asked. */
interface HostBasis {
  readonly config: Config;
  readonly tuning: Tuning;
  readonly state: HostState;
  readonly events: EventBus;
  readonly dirs: KnownDirs;
  readonly models: KnownModels;
  readonly replica: Replica;
  readonly database: RegisteredDatabase;
  readonly outbox: Outbox;
  readonly unreadable: UnreadableRows;
}

/**
 * Everything that an instance works with on an initialised machine, once its connection is open.
 */
export interface HostContext extends HostBasis {
  /** The collection of hosts. */
  hostRows(this: void): HostCollection;
  readonly me: HostId;
  readonly rootPath: string;
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly runs: RunStore;
  readonly counters: CounterStore;
  readonly forgotten: ForgottenPaths;
  /** Stores and opens the sync dirs of models that were compiled later. */
  declareDirs(dirs: readonly SyncDir[]): Promise<void>;
  /** The upload roots of all hosts, this one's first. */
  listRootPaths(this: void): readonly string[];
  /**
   * Finds which of these paths a document still names. Paths below the sync dir of a model that
   * this process lacks stay undetermined.
   */
  findNamedPaths(paths: readonly Path[], signal: AbortSignal): Promise<NamedPaths>;
  /** Lists the models of the whole site that name files, with their sync dirs. */
  listModels(this: void): Promise<ReadonlyMap<string, readonly Path[]>>;
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
export async function openHostContext(basis: HostBasis): Promise<HostContext> {
  const { config, state, database, dirs, outbox, unreadable } = basis;
  const models = basis.models.naming;
  await database.ready();
  const collection =
    <T extends object>(name: string) =>
    () =>
      database.collection<T>(`${config.collectionPrefix}${name}`);
  const rows = collection<HostRow>('hosts');
  const ledger = new Ledger(collection<LedgerRow>('ledger'), unreadable);
  const runs = new RunStore(collection<RunRow>('runs'), unreadable);
  const counters = new CounterStore(collection<CounterRow>('counters'), unreadable);
  const forgotten = new ForgottenPaths(collection<ForgottenPathRow>('forgotten'), unreadable);
  const seals = new Seals(config.secret, config.previousSecret);
  const store = new SyncDirsStore(collection<SyncDirRow>('syncdirs'), config.log, seals);
  await Promise.all([
    ensureHostIndexes(rows()),
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
  const listRootPaths = (): string[] => [
    ...new Set([state.root, ...registry.all().map(({ rootPath }) => rootPath)]),
  ];
  return {
    ...basis,
    hostRows: rows,
    me: state.id,
    rootPath: state.root,
    listRootPaths,
    registry,
    ledger,
    runs,
    counters,
    forgotten,
    refresh,
    declareModel,
    listModels: () => store.listModels(),
    findNamedPaths: findNamed,
    declareDirs: declare,
  };

  async function findNamed(paths: readonly Path[], signal: AbortSignal): Promise<NamedPaths> {
    const naming = await store.listNaming(new Set(paths.flatMap(listParentPaths)));
    const missing = new Map<Path, string>();
    for (const path of paths) {
      const known = listParentPaths(path).flatMap((dir) => ({ dir, names: naming.get(dir) ?? [] }));
      const needed = known.flatMap(({ dir, names }) =>
        names === 'unknown' ? [] : names.map((name) => ({ dir, name })),
      );
      const lacking = needed.filter(({ dir, name }) => !isModelPlugged(models, name, dir));
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
    const { named, undetermined } = await findNamedAmong(
      models,
      paths.filter((path) => !missing.has(path)),
      listRootPaths(),
      signal,
    );
    return { named, undetermined: new Map([...missing, ...undetermined]) };
  }
}
