import mongoose, { type ClientSession, type Connection, type Schema } from 'mongoose';
import type { RequestHandler } from 'express';
import type { AdminOptions } from '../admin/admin-options.js';
import { createAdmin } from '../admin/create-admin.js';
import { AppConnection } from '../database/app-connection.js';
import { Audit, auditChanges } from './audit.js';
import { applyModelSync } from '../capture/apply-model-sync.js';
import { storeNamedByApp, type NamedByApp } from '../capture/store-asserted.js';
import type { CaptureDeps, CaptureContext } from '../capture/capturing.js';
import type { NamingModel } from '../capture/find-named.js';
import { Outbox } from '../capture/outbox.js';
import { createPlugin } from '../capture/plugin.js';
import { CommitWatch } from '../capture/session-commit.js';
import { describeStart } from './describe-start.js';
import { examineHost } from '../doctor/doctor.js';
import { SyncMediaError } from '../model/errors.js';
import { EventBus, type Events } from '../model/events.js';
import { HostActions } from './actions/hosts.js';
import { requireSameDatabase } from '../database/database-id.js';
import { listProtectedDirs, refuseProtectedDirs } from '../access/protected-dirs.js';
import { readState, type HostState } from '../state-dir/state.js';
import type {
  CopiesResult,
  DoctorCheck,
  DocumentStatus,
  NamedFiles,
  RunRequest,
  Status,
  SyncMedia,
  VerifyRequest,
} from '../api/sync-media.js';
import { createRecoverableActions, createRemovalActions } from './actions/recoverable.js';
import { KnownDirs } from '../context/known-dirs.js';
import { KnownModels } from '../context/known-models.js';
import { LeaderElection } from '../leader/election.js';
import { logEvents } from './log-events.js';
import {
  defaultTuning,
  type Config,
  type PluginOptions,
  type SyncMediaOptions,
  type Tuning,
} from '../config/config.js';
import { resolveConfig } from '../config/resolve-config.js';
import { openHostContext, type HostContext } from '../context/host-context.js';
import { FileActions } from './actions/files.js';
import { RegisteredDatabase } from '../database/registered-database.js';
import { toPathBelow, isSafePath } from '../replica/paths.js';
import { Replica } from '../replica/replica.js';
import { RunActions } from './actions/runs.js';
import { type ReadyLimits, resolveReadyLimits } from '../config/ready-limits.js';
import type { WaitOptions } from '../config/wait-options.js';
import { Readiness } from '../serving/readiness.js';
import type { ServeOptions } from '../serving/serve-options.js';
import { SetupWatch } from './setup-watch.js';
import { MediaServer, type ServingContext } from '../serving/media-server.js';
import { createSyncReady } from '../serving/sync-ready.js';
import { readStatus } from './actions/status.js';
import { UnreadableRows } from '../database/unreadable-rows.js';
import type { Capture } from '../model/capture.js';
import type { Path } from '../model/path.js';
import type { Run } from '../model/run.js';

/** `SyncMedia` together with the middleware that an application mounts. */
export interface SyncMediaInstance extends SyncMedia {
  /** Creates the router: `app.use('/sync-admin', sync.admin())`. */
  admin(options?: AdminOptions): RequestHandler;
  /**
   * Serves the files below a directory (relative to the root, or absolute):
   * `app.use('/uploads', sync.serve('uploads'))`. A file that is missing here is fetched from a
   * host that holds it. Throws BAD_OPTION, BAD_SYNC_DIR.
   */
  serve(dir: string, options?: ServeOptions): RequestHandler;
  /**
   * Answers a load balancer with 200 or 503: `app.use('/ready', sync.ready({ maxBehind: 60 }))`.
   * Throws BAD_OPTION.
   */
  ready(limits?: ReadyLimits): RequestHandler;
}

/**
 * Makes an independent instance. It does nothing until a plugged model saves, or `open` or
 * `start` is called.
 * @param tuning clocks and limits that tests shorten; not part of the public interface
 * @throws BAD_OPTION, BAD_ENVIRONMENT, BAD_STATE, MODEL_ALREADY_COMPILED
 */
export function createSyncMedia(
  options: SyncMediaOptions = {},
  tuning: Partial<Tuning> = {},
): SyncMediaInstance {
  return new Instance(resolveConfig(options), { ...defaultTuning, ...tuning }, options.connection);
}

class Instance implements SyncMediaInstance {
  readonly plugin: (this: void, schema: Schema, options: PluginOptions) => void;
  readonly hosts: SyncMedia['hosts'];
  readonly runs: SyncMedia['runs'];
  readonly recoverable: SyncMedia['recoverable'];
  readonly conflicts: SyncMedia['conflicts'];
  readonly removals: SyncMedia['removals'];
  readonly audit: SyncMedia['audit'];
  private readonly auditLog: Audit;
  private readonly events = new EventBus();
  private readonly dirs: KnownDirs;
  private readonly election: LeaderElection;
  private readonly records: FileActions;
  private readonly serving: MediaServer;
  private readonly readiness: Readiness;
  private readonly connection: AppConnection;
  private state: HostState | undefined;
  private stateRead = false;
  private captures: CaptureContext | undefined;
  private parts: Promise<HostContext> | undefined;
  private openedContext: HostContext | undefined;
  private database: RegisteredDatabase | undefined;
  private readonly runActions: RunActions;
  private readonly setup: SetupWatch;
  private readonly stopLogging: () => void;
  private readonly commits = new CommitWatch();
  private readonly models = new KnownModels();
  private starting: Promise<void> | undefined;
  private hasStarted = false;
  private closing: Promise<void> | undefined;
  private readonly ending = new AbortController();

  constructor(
    private readonly config: Config,
    private readonly tuning: Tuning,
    given: Connection | undefined,
  ) {
    const { log } = config;
    this.connection = new AppConnection(given, () => {
      this.forgetConnection();
    });
    this.dirs = new KnownDirs({
      readState: () => this.readState(),
      warn: (message) => {
        log.warn(message);
      },
      refuseProtected: (dir, state) => {
        refuseProtectedDirs(state.root, [dir], state.syncDirs, listProtectedDirs(state, config));
      },
    });
    this.election = new LeaderElection(config, tuning, this.events, () => this.capturing()?.outbox);
    this.records = new FileActions({
      log,
      models: this.models,
      openHostContext: () => this.openContext(),
      toPath: (rootPath, given) => this.asPath(rootPath, given),
    });
    this.serving = new MediaServer(this.servingContext());
    this.readiness = new Readiness(
      () => this.openContext(),
      () => this.election.isLed(),
      tuning,
    );
    this.setup = new SetupWatch({
      log,
      dirs: this.dirs,
      models: this.models.naming,
      served: () => this.serving.listServedDirs(),
      allowed: () => this.readState()?.syncDirs ?? [],
      isStarted: () => this.starting !== undefined,
      parts: () => this.openContext(),
    });
    const deps: CaptureDeps = {
      collectionPrefix: config.collectionPrefix,
      initialised: () => this.initialised,
      getContext: (model) => {
        const capturing = this.capturing();
        if (capturing) this.setup.noteSave(model.modelName);
        return capturing;
      },
      onModel: (model, modelConnection, resolved) => {
        this.connection.attach(model.modelName, modelConnection, this.initialised);
        this.addModel({ model, options: resolved });
      },
      onDeclare: (dirs, where) => {
        this.declareDirs(dirs, where);
      },
    };
    this.plugin = createPlugin(deps);
    if (Object.keys(config.modelSync).length > 0)
      applyModelSync(given ?? mongoose, config.modelSync, this.plugin, deps);
    this.hosts = new HostActions({
      config,
      connection: () => this.openConnection(),
      dirs: this.dirs,
      onStateChange: () => {
        this.forgetState();
      },
    }).actions();
    const parts = (): Promise<HostContext> => this.openContext();
    ({ recoverable: this.recoverable, conflicts: this.conflicts } = createRecoverableActions(
      parts,
      (paths) => this.capture(paths),
    ));
    this.removals = createRemovalActions(parts);
    this.auditLog = new Audit(
      () => this.openConnection(),
      config,
      () => this.readState()?.id,
    );
    this.audit = { list: (limit = 100) => this.auditLog.list(limit) };
    this.runActions = new RunActions({
      config,
      dirs: this.dirs,
      openHostContext: parts,
      startElection: (opened) => {
        this.beginLease(opened);
      },
      isLeader: () => this.election.isLeaseHeld,
      ending: this.ending.signal,
      sendHint: (hint) => {
        this.election.sendHint(hint);
      },
    });
    this.runs = this.runActions.actions();
    this.stopLogging = logEvents(
      this.events,
      log,
      (id) => this.openedContext?.registry.all().find((host) => host.id === id)?.hostname ?? id,
    );
  }

  get initialised(): boolean {
    return this.readState() !== undefined;
  }

  async open(): Promise<void> {
    await this.openConnection();
    if (this.initialised) await this.openContext();
  }

  start(): Promise<void> {
    this.starting ??= this.startNow().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  close(): Promise<void> {
    this.closing ??= this.closeNow().finally(this.stopLogging);
    return this.closing;
  }

  push(request: RunRequest = {}): Promise<Run> {
    return this.runActions.requestRun('push', request);
  }
  pull(request: RunRequest = {}): Promise<Run> {
    return this.runActions.requestRun('pull', request);
  }
  verify(request: VerifyRequest = {}): Promise<Run> {
    return this.runActions.requestRun('verify', request);
  }
  adopt(request: RunRequest = {}): Promise<Run> {
    return this.runActions.requestRun('adopt', { dryRun: true, ...request });
  }

  async status(): Promise<Status> {
    if (!this.initialised) {
      return {
        initialised: false,
        hosts: [],
        syncDirs: this.dirs.listDeclared(),
        captures: 0,
        entries: 0,
        missing: 0,
        missingPaths: [],
        conflicts: [],
        unreadableRows: { count: 0, newest: [] },
      };
    }
    return readStatus(await this.openContext());
  }

  async doctor(): Promise<DoctorCheck[]> {
    const state = this.readState();
    const parts = state && (await this.openContext());
    await parts?.refresh();
    return examineHost(
      await this.openConnection(),
      parts && {
        config: this.config,
        state,
        root: parts.replica,
        dirs: () => this.dirs.current(),
        registry: parts.registry,
        unreadable: parts.unreadable,
        rules: { unsealed: this.dirs.listUnsealed(), ignored: this.dirs.listIgnored() },
        leaseMs: this.tuning.leaseMs,
      },
    );
  }

  statusOf(named: NamedFiles): Promise<DocumentStatus> {
    return this.records.statusOf(named);
  }
  showDocument(model: string, id: string): Promise<DocumentStatus> {
    return this.records.showDocument(model, id);
  }
  waitFor(named: NamedFiles, options?: WaitOptions): Promise<CopiesResult> {
    return this.records.waitFor(named, options);
  }
  isReady(limits?: ReadyLimits): Promise<boolean> {
    return this.readiness.isReady(resolveReadyLimits(limits));
  }

  async capture(
    paths: readonly string[],
    options: { session?: ClientSession } = {},
  ): Promise<void> {
    await this.storeCapture(options, (toPath) => ({ touched: paths.map(toPath) }));
  }

  async remove(paths: readonly string[], options: { session?: ClientSession } = {}): Promise<void> {
    await this.storeCapture(options, (toPath) => ({ unreferenced: paths.map(toPath) }));
  }

  on<K extends keyof Events>(event: K, listener: (event: Events[K]) => void): () => void {
    return this.events.on(event, listener);
  }

  as(by: string): SyncMedia {
    return auditChanges(this, this.auditLog, by);
  }

  admin(options: AdminOptions = {}): RequestHandler {
    return createAdmin(this, { token: this.config.adminToken, log: this.config.log, ...options });
  }

  serve(dir: string, options?: ServeOptions): RequestHandler {
    return this.serving.createHandler(dir, options);
  }

  ready(limits?: ReadyLimits): RequestHandler {
    const checked = resolveReadyLimits(limits);
    return createSyncReady(() => this.readiness.isReady(checked));
  }

  // ---- the connection, and the host context on it

  private declareDirs(dirs: Parameters<KnownDirs['declare']>[0], where: string): void {
    this.dirs.declare(dirs, where);
    // Models compiled after the start declare sync dirs as well.
    void this.parts
      ?.then((parts) => parts.declareDirs(dirs))
      .catch((error: unknown) => {
        this.events.emit('failed', { doing: 'declaring sync dirs', error });
      });
  }

  private addModel(naming: NamingModel): void {
    if (!this.models.add(naming)) return;
    if (this.hasStarted) void this.setup.check();
    void this.parts
      ?.then((parts) => parts.declareModel(naming))
      .catch((error: unknown) => {
        this.events.emit('failed', { doing: 'declaring a model', error });
      });
  }

  private async openConnection(): Promise<Connection> {
    if (this.closing) throw new SyncMediaError('CLOSED', 'this instance was closed');
    return this.connection.open();
  }

  private async openContext(): Promise<HostContext> {
    const parts = await (this.parts ??= this.createContext().catch((error: unknown) => {
      this.parts = undefined;
      throw error;
    }));
    await parts.database.ready();
    return parts;
  }

  private servingContext(): ServingContext {
    return {
      state: () => this.readState(),
      configuredRoot: this.config.init.root,
      warn: (message) => {
        this.config.log.warn(message);
      },
      chmod: this.config.chmod,
      dirs: () => this.dirs.current(),
      openContext: () => this.openContext(),
      backend: (parts, state) => this.election.getBackend(parts, state),
    };
  }

  private async createContext(): Promise<HostContext> {
    const state = this.readState();
    if (!state)
      throw new SyncMediaError(
        'NOT_INITIALISED',
        `this machine has no host id in ${this.config.stateDir}: run \`syncmedia init\``,
      );
    const connection = await this.openConnection();
    const { events, config } = this;
    this.database ??= new RegisteredDatabase(
      connection,
      () => requireSameDatabase(connection, config.collectionPrefix, state),
      (error) => {
        events.emit('failed', { doing: 'using the connection that the app opened anew', error });
      },
    );
    this.openedContext = await openHostContext(
      config,
      state,
      this.database,
      this.dirs,
      events,
      this.models.naming,
    );
    return this.openedContext;
  }

  private readState(): HostState | undefined {
    if (!this.stateRead) {
      this.state = readState(this.config.stateDir);
      this.stateRead = true;
    }
    return this.state;
  }

  /**
   * The state folder was written or removed. Running delivery queues keep the state of their
   * start.
   */
  private forgetState(): void {
    this.stateRead = false;
    this.forgetContext();
    if (this.election.isStarted)
      this.config.log.warn('the registration of this host changed: restart its processes');
  }

  private forgetConnection(): void {
    this.forgetContext();
    if (this.election.isStarted)
      this.config.log.warn(
        'the application closed the connection that this instance was started on, and compiled ' +
          'a model on another one: saves are captured there, and delivered once its processes ' +
          'are restarted',
      );
  }

  private forgetContext(): void {
    this.parts = undefined;
    void this.captures?.outbox.close();
    this.captures = undefined;
    this.database?.close();
    this.database = undefined;
  }

  // ---- capture

  private capturing(): CaptureContext | undefined {
    const state = this.readState(),
      { current } = this.connection;
    if (!state || !current) return undefined;
    const dirs = () => this.dirs.current();
    return (this.captures ??= {
      hostId: state.id,
      root: new Replica(state.root, dirs, { me: () => state.id }),
      rootPaths: () => this.openedContext?.listRootPaths() ?? [state.root],
      dirs,
      log: this.config.log,
      outbox: new Outbox(
        current,
        this.config.collectionPrefix,
        UnreadableRows.forConnection(current, this.config),
      ),
      reportUnnamed: (savedBy) => {
        this.setup.noteUnnamed(savedBy);
      },
      dueMs: this.tuning.captureDueMs,
      handOver: (capture) => {
        this.handOver(capture);
      },
      awaitCopies: (...asked) => this.records.waitForSaved(...asked),
      reportUnsynced: (savedBy, unsynced) => {
        this.setup.noteUnsynced(savedBy, unsynced);
      },
    });
  }

  private async storeCapture(
    options: { session?: ClientSession },
    ask: (toPath: (given: string) => Path) => NamedByApp,
  ): Promise<void> {
    const { rootPath } = await this.openContext();
    const asked = ask((given) => this.asPath(rootPath, given));
    const capturing = this.capturing(),
      { current } = this.connection;
    if (capturing && current)
      await storeNamedByApp(asked, options, capturing, current, this.commits);
  }

  private handOver(capture: Capture): void {
    this.setup.noteCapture(capture);
    this.election.sendHint({ captures: [capture] });
  }

  private asPath(rootPath: string, given: string): Path {
    const path = given.startsWith('/') ? toPathBelow(rootPath, given) : given;
    if (path === undefined || !isSafePath(path) || !this.dirs.current().findFor(path)) {
      throw new SyncMediaError(
        'BAD_PATH',
        `${JSON.stringify(given)} lies in no sync dir of this host`,
      );
    }
    return path;
  }

  // ---- delivery, runs, cron

  private async startNow(): Promise<void> {
    const { config } = this;
    if (this.closing) throw new SyncMediaError('CLOSED', 'this instance was closed');
    this.runActions.checkCrons();
    if (!this.initialised) {
      config.log.info(
        `this machine was never initialised (no host id in ${config.stateDir}): nothing is ` +
          `synced; run \`syncmedia init\``,
      );
      return;
    }
    const parts = await this.openContext();
    // A symlink may lead elsewhere than at the time of `init`.
    this.dirs.requireShareable();
    this.beginLease(parts);
    this.election.warnOfTrust();
    this.runActions.startCrons(parts);
    await this.setup.check();
    this.hasStarted = true;
    await this.election.waitUntilLed(this.ending.signal);
    const leader = this.election.isLeaseHeld
      ? 'this process'
      : (await this.election.isLed())
        ? 'another process'
        : undefined;
    if (!this.closing) config.log.info(describeStart(parts, leader));
  }

  private beginLease(parts: HostContext): void {
    const state = this.readState();
    if (state) this.election.start(parts, state);
  }

  private async closeNow(): Promise<void> {
    this.ending.abort();
    this.connection.close();
    this.models.close();
    await this.starting?.catch(() => undefined);
    await this.setup.close();
    await this.runActions.close();
    await this.records.close();
    // The leader owns the backend, which serving uses too, so serving closes first.
    await this.serving.close();
    await this.election.close();
    await this.captures?.outbox.close();
    this.database?.close();
  }
}
