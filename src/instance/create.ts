import mongoose, { type ClientSession, type Connection, type Schema } from 'mongoose';
import type { RequestHandler } from 'express';
import { createAdmin, type AdminOptions } from '../admin/create-admin.js';
import { AppConnection } from '../database/app-connection.js';
import { Audit, auditChanges } from './audit.js';
import { applyModelSync } from '../capture/apply-model-sync.js';
import { storeAsked, type Asked } from '../capture/store-asserted.js';
import type { CaptureDeps, Capturing } from '../capture/capturing.js';
import type { NamingModel } from '../capture/find-named.js';
import { Outbox } from '../capture/outbox.js';
import { createPlugin } from '../capture/plugin.js';
import { CommitWatch } from '../capture/session-commit.js';
import { describeStart } from './describe-start.js';
import { examine } from '../doctor/doctor.js';
import { SyncMediaError } from '../model/errors.js';
import { EventBus, type Events } from '../model/events.js';
import { HostActions } from './actions/hosts.js';
import { checkDatabase } from '../database/database-id.js';
import { listProtected, refuseProtectedDirs } from '../access/protected-dirs.js';
import { readState, type State } from '../state-dir/state.js';
import type {
  CopiesResult,
  DoctorCheck,
  DocumentStatus,
  NamedFiles,
  ReadyLimits,
  RunRequest,
  Status,
  SyncMedia,
  VerifyRequest,
  WaitOptions,
} from '../api/sync-media.js';
import { offerKept, offerRemovals } from './actions/recoverable.js';
import { KnownDirs } from '../context/known-dirs.js';
import { KnownModels } from '../context/known-models.js';
import { LeaseHolder } from '../leader/election.js';
import { logEvents } from './log-events.js';
import {
  defaultTuning,
  type Config,
  type PluginOptions,
  type SyncMediaOptions,
  type Tuning,
} from '../config/config.js';
import { resolveConfig } from '../config/resolve-config.js';
import { openParts, type Parts } from '../context/host-context.js';
import { Records } from './actions/files.js';
import { RegisteredDatabase } from '../database/registered-database.js';
import { asPathBelow, isSafePath } from '../replica/paths.js';
import { Root } from '../replica/replica.js';
import { RunActions } from './actions/runs.js';
import { checkReadyLimits, Readiness } from '../serving/readiness.js';
import type { ServeOptions } from '../serving/serve-options.js';
import { SetupWatch } from './setup-watch.js';
import { Serving, type ServingContext } from '../serving/media-server.js';
import { createSyncReady } from '../serving/sync-ready.js';
import { readStatus } from './actions/status.js';
import { UnreadableRows } from '../database/unreadable-rows.js';
import type { Capture, Path, Run } from '../model/words.js';

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
  readonly kept: SyncMedia['kept'];
  readonly conflicts: SyncMedia['conflicts'];
  readonly removals: SyncMedia['removals'];
  readonly audit: SyncMedia['audit'];
  private readonly changes: Audit;
  private readonly events = new EventBus();
  private readonly dirs: KnownDirs;
  private readonly holder: LeaseHolder;
  private readonly records: Records;
  private readonly serving: Serving;
  private readonly readiness: Readiness;
  private readonly connection: AppConnection;
  private state: State | undefined;
  private stateRead = false;
  private captures: Capturing | undefined;
  private parts: Promise<Parts> | undefined;
  private known: Parts | undefined;
  private database: RegisteredDatabase | undefined;
  private readonly asking: RunActions;
  private readonly setup: SetupWatch;
  private readonly commits = new CommitWatch();
  private readonly models = new KnownModels();
  private starting: Promise<void> | undefined;
  private begun = false;
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
      state: () => this.readState(),
      warn: (message) => {
        log.warn(message);
      },
      refuseProtected: (dir, state) => {
        refuseProtectedDirs(state.root, [dir], state.syncDirs, listProtected(state, config));
      },
    });
    this.holder = new LeaseHolder(config, tuning, this.events, () => this.capturing()?.outbox);
    this.records = new Records({
      log,
      models: this.models,
      parts: () => this.openParts(),
      asPath: (rootPath, given) => this.asPath(rootPath, given),
    });
    this.serving = new Serving(this.servingContext());
    this.readiness = new Readiness(
      () => this.openParts(),
      () => this.holder.isLed(),
      tuning,
    );
    this.setup = new SetupWatch({
      log,
      dirs: this.dirs,
      models: this.models.naming,
      served: () => this.serving.listServed(),
      allowed: () => this.readState()?.syncDirs ?? [],
      isStarted: () => this.starting !== undefined,
      parts: () => this.openParts(),
    });
    const deps: CaptureDeps = {
      collectionPrefix: config.collectionPrefix,
      initialised: () => this.initialised,
      capturing: (model) => {
        const capturing = this.capturing();
        if (capturing) this.setup.noteSave(model.modelName);
        return capturing;
      },
      onModel: (model, its, resolved) => {
        this.connection.adopt(model.modelName, its, this.initialised);
        this.addModel({ model, options: resolved });
      },
      onDeclare: (dirs, where) => {
        this.declare(dirs, where);
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
    const parts = (): Promise<Parts> => this.openParts();
    ({ kept: this.kept, conflicts: this.conflicts } = offerKept(parts, (paths) =>
      this.capture(paths),
    ));
    this.removals = offerRemovals(parts);
    this.changes = new Audit(
      () => this.openConnection(),
      config,
      () => this.readState()?.id,
    );
    this.audit = { list: (limit = 100) => this.changes.list(limit) };
    this.asking = new RunActions({
      config,
      dirs: this.dirs,
      parts,
      beginLease: (opened) => {
        this.beginLease(opened);
      },
      holdsLease: () => this.holder.held,
      ending: this.ending.signal,
      tell: (hint) => {
        this.holder.tell(hint);
      },
    });
    this.runs = this.asking.actions();
    logEvents(
      this.events,
      log,
      (id) => this.known?.registry.all().find((host) => host.id === id)?.hostname ?? id,
    );
  }

  get initialised(): boolean {
    return this.readState() !== undefined;
  }

  async open(): Promise<void> {
    await this.openConnection();
    if (this.initialised) await this.openParts();
  }

  start(): Promise<void> {
    this.starting ??= this.begin().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  push(request: RunRequest = {}): Promise<Run> {
    return this.asking.ask('push', request);
  }
  pull(request: RunRequest = {}): Promise<Run> {
    return this.asking.ask('pull', request);
  }
  verify(request: VerifyRequest = {}): Promise<Run> {
    return this.asking.ask('verify', request);
  }
  adopt(request: RunRequest = {}): Promise<Run> {
    return this.asking.ask('adopt', { dryRun: true, ...request });
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
    return readStatus(await this.openParts());
  }

  async doctor(): Promise<DoctorCheck[]> {
    const state = this.readState();
    const parts = state && (await this.openParts());
    await parts?.refresh();
    return examine(
      await this.openConnection(),
      parts && {
        config: this.config,
        state,
        root: parts.root,
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
  isReady(limits: ReadyLimits = {}): Promise<boolean> {
    return this.readiness.isReady(checkReadyLimits(limits));
  }

  async capture(
    paths: readonly string[],
    options: { session?: ClientSession } = {},
  ): Promise<void> {
    await this.store(options, (toPath) => ({ touched: paths.map(toPath) }));
  }

  async remove(paths: readonly string[], options: { session?: ClientSession } = {}): Promise<void> {
    await this.store(options, (toPath) => ({ left: paths.map(toPath) }));
  }

  on<K extends keyof Events>(event: K, listener: (event: Events[K]) => void): () => void {
    return this.events.on(event, listener);
  }

  as(by: string): SyncMedia {
    return auditChanges(this, this.changes, by);
  }

  admin(options: AdminOptions = {}): RequestHandler {
    return createAdmin(this, { token: this.config.adminToken, log: this.config.log, ...options });
  }

  serve(dir: string, options?: ServeOptions): RequestHandler {
    return this.serving.serve(dir, options);
  }

  ready(limits: ReadyLimits = {}): RequestHandler {
    const checked = checkReadyLimits(limits);
    return createSyncReady(() => this.readiness.isReady(checked));
  }

  // ---- the connection, and the host context on it

  private declare(dirs: Parameters<KnownDirs['declare']>[0], where: string): void {
    this.dirs.declare(dirs, where);
    // Models compiled after the start declare sync dirs as well.
    void this.parts
      ?.then((parts) => parts.declare(dirs))
      .catch((error: unknown) => {
        this.events.emit('failed', { doing: 'declaring sync dirs', error });
      });
  }

  private addModel(naming: NamingModel): void {
    if (!this.models.add(naming)) return;
    if (this.begun) void this.setup.check();
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

  private async openParts(): Promise<Parts> {
    const parts = await (this.parts ??= this.openThem().catch((error: unknown) => {
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
      parts: () => this.openParts(),
      backend: (parts, state) => this.holder.useBackend(parts, state),
    };
  }

  private async openThem(): Promise<Parts> {
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
      () => checkDatabase(connection, config.collectionPrefix, state),
      (error) => {
        events.emit('failed', { doing: 'using the connection that the app opened anew', error });
      },
    );
    this.known = await openParts(
      config,
      state,
      this.database,
      this.dirs,
      events,
      this.models.naming,
    );
    return this.known;
  }

  private readState(): State | undefined {
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
    this.forgetParts();
    if (this.holder.begun)
      this.config.log.warn('the registration of this host changed: restart its processes');
  }

  private forgetConnection(): void {
    this.forgetParts();
    if (this.holder.begun)
      this.config.log.warn(
        'the application closed the connection that this instance was started on, and compiled ' +
          'a model on another one: saves are captured there, and delivered once its processes ' +
          'are restarted',
      );
  }

  private forgetParts(): void {
    this.parts = undefined;
    this.captures = undefined;
    this.database?.close();
    this.database = undefined;
  }

  // ---- capture

  private capturing(): Capturing | undefined {
    const state = this.readState(),
      { current } = this.connection;
    if (!state || !current) return undefined;
    const dirs = () => this.dirs.current();
    return (this.captures ??= {
      hostId: state.id,
      root: new Root(state.root, dirs, { me: () => state.id }),
      rootPaths: () => this.known?.rootPaths() ?? [state.root],
      dirs,
      log: this.config.log,
      outbox: new Outbox(
        current,
        this.config.collectionPrefix,
        UnreadableRows.of(current, this.config),
      ),
      noteUnnamed: (savedBy) => {
        this.setup.noteUnnamed(savedBy);
      },
      dueMs: this.tuning.captureDueMs,
      handOver: (capture) => {
        this.handOver(capture);
      },
      awaitCopies: (...asked) => this.records.awaitSaved(...asked),
      noteUnsynced: (savedBy, unsynced) => {
        this.setup.noteUnsynced(savedBy, unsynced);
      },
    });
  }

  private async store(
    options: { session?: ClientSession },
    ask: (toPath: (given: string) => Path) => Asked,
  ): Promise<void> {
    const { rootPath } = await this.openParts();
    const asked = ask((given) => this.asPath(rootPath, given));
    const capturing = this.capturing(),
      { current } = this.connection;
    if (capturing && current) await storeAsked(asked, options, capturing, current, this.commits);
  }

  private handOver(capture: Capture): void {
    this.setup.noteCapture(capture);
    this.holder.tell({ captures: [capture] });
  }

  private asPath(rootPath: string, given: string): Path {
    const path = given.startsWith('/') ? asPathBelow(rootPath, given) : given;
    if (path === undefined || !isSafePath(path) || !this.dirs.current().of(path)) {
      throw new SyncMediaError(
        'BAD_PATH',
        `${JSON.stringify(given)} lies in no sync dir of this host`,
      );
    }
    return path;
  }

  // ---- delivery, runs, cron

  private async begin(): Promise<void> {
    const { config } = this;
    if (this.closing) throw new SyncMediaError('CLOSED', 'this instance was closed');
    this.asking.checkCrons();
    if (!this.initialised) {
      config.log.info(
        `this machine was never initialised (no host id in ${config.stateDir}): nothing is ` +
          `synced; run \`syncmedia init\``,
      );
      return;
    }
    const parts = await this.openParts();
    // A symlink may lead elsewhere than at the time of `init`.
    this.dirs.requireShareable();
    this.beginLease(parts);
    this.holder.warnOfTrust();
    this.asking.startCrons(parts);
    await this.setup.check();
    this.begun = true;
    await this.holder.waitUntilLed(this.ending.signal);
    const leader = this.holder.held
      ? 'this process'
      : (await this.holder.isLed())
        ? 'another process'
        : undefined;
    if (!this.closing) config.log.info(describeStart(parts, leader));
  }

  private beginLease(parts: Parts): void {
    const state = this.readState();
    if (state) this.holder.begin(parts, state);
  }

  private async end(): Promise<void> {
    this.ending.abort();
    this.connection.close();
    this.models.close();
    await this.starting?.catch(() => undefined);
    await this.setup.close();
    await this.asking.close();
    await this.records.close();
    // The leader owns the backend, which serving uses too, so serving closes first.
    await this.serving.close();
    await this.holder.close();
    this.database?.close();
  }
}
