import type { Connection } from 'mongoose';
import type { PluggedModel } from '../capture/capturing.js';
import type { NamingModel } from '../capture/find-named.js';
import { Outbox } from '../capture/outbox.js';
import type { Config, Tuning } from '../config/config.js';
import { AppConnection } from '../database/app-connection.js';
import { requireSameDatabase } from '../database/database-id.js';
import { RegisteredDatabase } from '../database/registered-database.js';
import { UnreadableRows } from '../database/unreadable-rows.js';
import { SyncMediaError } from '../model/errors.js';
import { EventBus } from '../model/events.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import { isSafePath, toPathBelow } from '../replica/paths.js';
import { Replica } from '../replica/replica.js';
import { readState, type HostState } from '../state-dir/state.js';
import { openHostContext, type HostContext } from './host-context.js';
import { KnownDirs } from './known-dirs.js';
import { KnownModels } from './known-models.js';
import { Problems } from './problems.js';

/**
 * This machine as an instance knows it: the state that `init` stored, the app's connection, the
 * replica and the outbox, and the host context that is opened on all of these. Each is made once,
 * and anew when the state folder or the connection changed.
 */
export class ThisHost {
  readonly events = new EventBus();
  readonly models = new KnownModels();
  readonly dirs: KnownDirs;
  readonly problems: Problems;
  private readonly connection: AppConnection;
  private readonly closing = new AbortController();
  private read: { readonly state: HostState | undefined } | undefined;
  private madeReplica: Replica | undefined;
  private stored:
    | { readonly on: Connection; readonly unreadable: UnreadableRows; readonly outbox: Outbox }
    | undefined;
  private database: RegisteredDatabase | undefined;
  private opening: Promise<HostContext> | undefined;
  private lastOpened: HostContext | undefined;

  /**
   * @param given the connection that the app gave; default: that of the first model
   * @param isStarted whether this process leads its host or competes for that. If so, it keeps
   *   the state and the connection of its start.
   */
  constructor(
    readonly config: Config,
    readonly tuning: Tuning,
    given: Connection | undefined,
    readonly isStarted: () => boolean,
  ) {
    this.connection = new AppConnection(given, () => {
      this.forgetContext(
        'the application closed the connection that this instance was started on, and compiled ' +
          'a model on another one: saves are captured there, and delivered once its processes ' +
          'are restarted',
      );
    });
    this.problems = new Problems(config.log);
    this.dirs = new KnownDirs(config, () => this.state, this.problems.report);
  }

  /** The state that `init` stored. Undefined on a machine without a host id. */
  get state(): HostState | undefined {
    this.read ??= { state: readState(this.config.stateDir) };
    return this.read.state;
  }
  /** This host's disk. On a machine without a host id, only what its application declares. */
  get replica(): Replica {
    const { state } = this;
    return (this.madeReplica ??= new Replica(
      state?.root ?? this.config.init.root ?? process.cwd(),
      () => this.dirs.current(),
      { me: () => state?.id },
    ));
  }
  /** The current connection. Undefined before a model is compiled, unless the app gave one. */
  get appConnection(): Connection | undefined {
    return this.connection.current;
  }
  /** The outbox on the current connection. */
  get outbox(): Outbox | undefined {
    const { current } = this.connection;
    return current && this.getStored(current).outbox;
  }
  /** Aborts when the instance is closed. */
  get ending(): AbortSignal {
    return this.closing.signal;
  }
  /** The host context as it was last opened, also if it was forgotten since. */
  get lastContext(): HostContext | undefined {
    return this.lastOpened;
  }

  /** @throws CLOSED, NO_CONNECTION */
  async openConnection(): Promise<Connection> {
    this.requireUnclosed();
    return this.connection.open();
  }

  /**
   * Opens the host context at its first use.
   * @throws NOT_INITIALISED, CLOSED, NO_CONNECTION; BAD_STATE for another database
   */
  async openContext(): Promise<HostContext> {
    const context = await (this.opening ??= this.createContext().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    }));
    await context.database.ready();
    return context;
  }

  /** Reads the state folder again, because it was written or removed. */
  forgetState(): void {
    this.read = this.madeReplica = undefined;
    this.forgetContext('the registration of this host changed: restart its processes');
  }

  /** Takes sync dirs that a model declares, also after the start. @throws RULES_DIFFER */
  declareDirs(dirs: readonly SyncDir[], where: string): void {
    this.dirs.declare(dirs, where);
    this.updateContext('declaring sync dirs', (context) => context.declareDirs(dirs));
  }

  /**
   * Takes a plugged model that was compiled on this connection.
   * @returns whether its documents are searched for the names of files
   * @throws TWO_CONNECTIONS
   */
  addModel(model: PluggedModel, connection: Connection, options: NamingModel['options']): boolean {
    this.connection.attach(model.modelName, connection, this.state !== undefined);
    const naming = { model, options };
    if (!this.models.add(naming)) return false;
    this.updateContext('declaring a model', (context) => context.declareModel(naming));
    return true;
  }

  /** Checks a path that the app gave, absolute or relative to the root. @throws BAD_PATH */
  toPath(given: string): Path {
    const path = given.startsWith('/') ? toPathBelow(this.replica.rootPath, given) : given;
    if (path === undefined || !isSafePath(path) || !this.dirs.current().findFor(path)) {
      throw new SyncMediaError(
        'BAD_PATH',
        `${JSON.stringify(given)} lies in no sync dir of this host`,
      );
    }
    return path;
  }

  /** @throws CLOSED */
  requireUnclosed(): void {
    if (this.ending.aborted) throw new SyncMediaError('CLOSED', 'this instance was closed');
  }

  /** Refuses new work. `close` follows once the work in progress has ended. */
  beginClose(): void {
    this.closing.abort();
    this.connection.close();
    this.models.close();
  }

  async close(): Promise<void> {
    await this.closeOutbox();
    this.database?.close();
  }

  private async closeOutbox(): Promise<void> {
    const lost = (await this.stored?.outbox.close()) ?? [];
    if (lost.length > 0)
      this.config.log.warn(
        `the outbox refused ${String(lost.length)} captures until it was closed, so they are ` +
          `lost; the next scan of the sync dirs finds their files`,
      );
  }

  private getStored(connection: Connection): NonNullable<ThisHost['stored']> {
    if (this.stored?.on !== connection) {
      void this.closeOutbox();
      const unreadable = UnreadableRows.forConnection(connection, this.config);
      const outbox = new Outbox(connection, this.config.collectionPrefix, unreadable);
      this.stored = { on: connection, unreadable, outbox };
    }
    return this.stored;
  }

  private async createContext(): Promise<HostContext> {
    const { config, tuning, events, dirs, models, state, replica } = this;
    if (!state)
      throw new SyncMediaError(
        'NOT_INITIALISED',
        `this machine has no host id in ${config.stateDir}: run \`syncmedia init\``,
      );
    const connection = await this.openConnection();
    const database = (this.database ??= new RegisteredDatabase(
      connection,
      () => requireSameDatabase(connection, config.collectionPrefix, state),
      (error) => {
        events.emit('failed', { doing: 'using the connection that the app opened anew', error });
      },
    ));
    const { outbox, unreadable } = this.getStored(connection);
    const known = { config, tuning, events, dirs, models, state, replica };
    return (this.lastOpened = await openHostContext({ ...known, database, outbox, unreadable }));
  }

  /** Failures are events, because nobody waits. */
  private updateContext(doing: string, update: (context: HostContext) => Promise<void>): void {
    void this.opening?.then(update).catch((error: unknown) => {
      this.events.emit('failed', { doing, error });
    });
  }

  private forgetContext(warning: string): void {
    this.opening = undefined;
    this.database?.close();
    this.database = undefined;
    if (this.isStarted()) this.config.log.warn(warning);
  }
}
