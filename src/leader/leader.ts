import { isDeepStrictEqual } from 'node:util';
import type { Backend } from '../transport/backend.js';
import type { CreateResolver } from '../transport/options.js';
import { makeRecheckCapture } from '../capture/make-captures.js';
import { takeOverOrphaned } from './jobs/take-over.js';
import { Deletes } from './jobs/deletes.js';
import { Backfill } from './jobs/backfill.js';
import { OutboxProcessor } from './jobs/process-outbox.js';
import { Membership } from './jobs/membership.js';
import { ReceiveNotices } from '../replication/receive-notices.js';
import { DeliveryQueues } from '../replication/delivery-queues.js';
import { NamedSearch } from './jobs/named-search.js';
import { OwnPending } from './jobs/own-pending.js';
import { OwnDisk } from '../replication/own-disk.js';
import { PeriodicScan } from './jobs/periodic-scan.js';
import { ReloadRunner } from './jobs/reload.js';
import { Rescans } from './jobs/rescans.js';
import type { LeaderHint } from './wake-socket.js';
import { HeartbeatMonitor } from '../hosts/heartbeats.js';
import type { Config, Tuning } from '../config/config.js';
import { PathReconciler } from '../ledger/reconcile-path.js';
import { scanSyncDir } from '../ledger/scan.js';
import { Acknowledger } from '../ledger/acknowledge.js';
import type { HostContext } from '../context/host-context.js';
import { wantsPath } from '../decisions/wants.js';
import { isSafePath } from '../replica/paths.js';
import type { ScanScope } from '../replica/scan.js';
import { BootstrapRequests } from '../runs/bootstrapping.js';
import { Runner } from '../runs/runner.js';
import type { Entry, HostId, Path, SyncDir, UnsyncableNames } from '../model/words.js';

/**
 * Everything that a host's leader runs: it processes the outbox, delivers, rescans and carries
 * out runs. It is created each time the process gains the lease and closed when it loses the
 * lease. All its knowledge beyond hints is in the database.
 */
export class Leader {
  private readonly backfill: Backfill;
  private readonly outboxProcessor: OutboxProcessor;
  private readonly ownPending: OwnPending;
  private readonly queues: DeliveryQueues;
  private readonly receiveNotices: ReceiveNotices;
  private readonly rescans: Rescans;
  private readonly periodicScan: PeriodicScan;
  private readonly membership: Membership;
  private readonly bootstrapRequests: BootstrapRequests;
  private readonly heartbeats: HeartbeatMonitor;
  private readonly ending = new AbortController();
  private readonly runner: Runner;
  private readonly reload: ReloadRunner | undefined;
  private readonly reconciler: PathReconciler;
  private readonly disk: OwnDisk;
  private readonly unsubscribe: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;
  private checkingOutbox: Promise<void> = Promise.resolve();
  private checksAgain = false;
  private reconcilingEarlier: Promise<void> | undefined;
  private polls = 0;
  private nextThoroughAt = 0;

  constructor(
    private readonly hostContext: HostContext,
    config: Config,
    private readonly tuning: Tuning,
    backend: Backend,
    createResolver: CreateResolver,
  ) {
    const { ledger, events, registry, me, dirs } = hostContext;
    const acknowledger = new Acknowledger(ledger, events);
    this.disk = new OwnDisk(
      hostContext.replica,
      hostContext.rootPath,
      () => dirs.current(),
      me,
      createResolver,
      tuning.leftoverMs,
      (dir, found) => this.recordUnsyncable(dir, found),
    );
    const named = new NamedSearch(
      (paths, signal) => hostContext.findNamedPaths(paths, signal),
      this.ending.signal,
    );
    this.reconciler = new PathReconciler({
      ledger,
      disk: this.disk,
      me,
      events,
      listReceivers: (path) => this.listReceivers(path),
      isReady: () => registry.me().readyAt !== undefined,
      areRemovalsHalted: (path) =>
        (dirs.current().findFor(path)?.path ?? '') in registry.me().halted,
      isCaptured: (path) => hostContext.outbox.hasCaptureOf(me, path),
      awaitSaveMs: tuning.candidateMs,
      isReferenced: async (path) => {
        const found = await named.findNamedPaths([path]);
        return found.undetermined.has(path) ? 'unknown' : found.named.has(path);
      },
    });
    const enqueue = (entries: readonly Entry[]): void => {
      this.queues.enqueue(entries);
    };
    const reconcilePaths = async (paths: readonly Path[]): Promise<void> => {
      enqueue(await this.reconciler.reconcilePaths(paths, { why: 'scan', comparesContent: true }));
    };
    this.ownPending = new OwnPending({ ledger, me, reconcilePaths, everyMs: tuning.captureDueMs });
    this.receiveNotices = new ReceiveNotices(events, (files) => registry.raiseReceived(files));
    this.queues = new DeliveryQueues({
      backend,
      ledger,
      acknowledger,
      events,
      tuning,
      me,
      findHost: (id) => registry.all().find((host) => host.id === id),
      findSyncDir: (path) => this.findSyncDir(path),
      isInOwnDir: (path) => dirs.current().findFor(path) !== undefined,
      reconcilePaths,
      requestCheck: (host, path) => hostContext.outbox.insert(makeRecheckCapture(host, path)),
      recordState: async (to, delivery) => {
        await registry.recordDeliveryState(to, delivery);
      },
      notifyReceived: (to, files) => {
        this.receiveNotices.add(to, files);
      },
    });
    this.rescans = new Rescans({
      events,
      listDirs: () => dirs.current().list,
      readDue: () => Promise.resolve(registry.me().rescans),
      store: (dir, dueAt) => registry.storeRescan(dir, dueAt),
      scan: (dir, signal) => this.scan(dir, signal),
    });
    this.periodicScan = new PeriodicScan({
      events,
      tuning,
      readOwnHost: () => registry.me(),
      listDirs: () => dirs.current().list,
      record: (dir, times) => registry.recordScan(dir, times),
      scan: (dir, signal, scope) => this.scan(dir, signal, scope),
      forgetTombstones: (dir, before) => ledger.forgetTombstones(dir, before),
    });
    this.membership = new Membership({
      reconciler: this.reconciler,
      events,
      me,
      listHosts: () => registry.all(),
      listAnnounced: () => registry.me().members ?? [],
      record: (ids) => registry.recordMembers(ids),
    });
    this.bootstrapRequests = new BootstrapRequests({
      registry,
      runs: hostContext.runs,
      tuning,
      me,
    });
    this.heartbeats = new HeartbeatMonitor(tuning.goneMs, 3 * tuning.pollMs);
    const deletes = new Deletes({
      ledger,
      disk: this.disk,
      me,
      events,
      candidateMs: tuning.candidateMs,
      findSyncDir: (path) => this.findSyncDir(path),
      listReceivers: (path) => this.listReceivers(path),
      reconcilePaths: (paths) => this.reconciler.reconcilePaths(paths, { why: 'named' }),
      findNamed: (paths) => named.findNamedPaths(paths),
      isHalted: (dir) => dir in registry.me().halted,
      findDecision: (dir) => registry.me().removals?.[dir],
      halt: (dir, failure) => registry.recordHalt(dir, failure),
    });
    this.outboxProcessor = new OutboxProcessor({
      reconciler: this.reconciler,
      deletes,
      outbox: hostContext.outbox,
      events,
      tuning,
      me,
      enqueue,
      requestRescan: (dir, after) => this.rescans.request(dir, after),
    });
    this.backfill = new Backfill({
      ledger,
      me,
      listHosts: () => registry.all(),
      listDirs: () => dirs.current().list,
      listBackfilled: () => registry.me().backfilled ?? [],
      record: (key) => registry.recordBackfilled(key),
      forget: (key) => registry.forgetBackfilled(key),
      wakeQueue: (host) => {
        this.queues.wake(host);
      },
    });
    this.reload =
      config.reloadCommand &&
      new ReloadRunner(config.reloadCommand, events, async (outcome) => {
        await registry.recordReload({ at: new Date(), ...outcome });
      });
    this.runner = new Runner(hostContext.runs, {
      backend,
      ledger,
      reconciler: this.reconciler,
      disk: this.disk,
      acknowledger,
      events,
      me,
      enqueue,
      readOwnHost: () => registry.me(),
      listOthers: () => registry.others(),
      refresh: () => hostContext.refresh(),
      isGone: (id) => this.heartbeats.isGone(id),
      membershipPatienceMs: 2 * tuning.goneMs,
      listDirs: () => dirs.current().list,
      isSafe: (path): path is Path => this.findSyncDir(path as Path) !== undefined,
      scan: (dir, signal) => this.scan(dir, signal),
      wakeQueue: (host) => {
        this.queues.wake(host);
      },
      markReady: async () => {
        await registry.markReady();
      },
      notifyReceived: (files) => {
        this.notifyReceived(files);
      },
      isCaptured: (host, path) => hostContext.outbox.hasCaptureOf(host, path),
    });
  }

  async start(): Promise<void> {
    const { registry } = this.hostContext;
    this.unsubscribe.push(
      registry.onReceived((landed) => {
        this.notifyReceived(landed);
      }),
      registry.onChange(() => {
        this.updateQueues();
        this.nextThoroughAt = 0;
      }),
    );
    this.updateQueues();
    await this.rescans.start();
    this.reconcilingEarlier = this.outboxProcessor.reconcileEarlier().catch((error: unknown) => {
      this.hostContext.events.emit('failed', { doing: 'reconciling earlier captures', error });
    });
    await this.bootstrapRequests.markLongAbsence();
    await this.bootstrapRequests.poll();
    this.runner.wake();
    this.timer = setInterval(() => {
      this.poll();
    }, this.tuning.pollMs);
    this.timer.unref();
    this.poll();
  }

  /**
   * Handles a hint of this process or, through the socket, of another one. Returns false once
   * this process stops; then another leader must get the hint.
   */
  handleHint({ captures, run, checkOutbox }: LeaderHint): boolean {
    if (this.ending.signal.aborted || (captures && !this.outboxProcessor.enqueue(captures)))
      return false;
    if (run) this.runner.wake();
    if (checkOutbox) this.checkOutbox();
    return true;
  }

  async close(): Promise<void> {
    this.ending.abort();
    clearInterval(this.timer);
    for (const stop of this.unsubscribe) stop();
    await Promise.all([
      this.polling,
      this.checkingOutbox,
      this.reconcilingEarlier,
      this.outboxProcessor.close(),
      this.rescans.close(),
      this.periodicScan.close(),
      this.membership.close(),
      this.runner.close(),
      this.reload?.close(),
    ]);
    await this.queues.close();
    await this.receiveNotices.close();
  }

  /**
   * A host that waits for approval has access nowhere and sends nothing yet. Its pending entries
   * stay in the ledger.
   */
  private updateQueues(): void {
    const { registry, me } = this.hostContext;
    const hosts = registry.all();
    this.queues.updateHosts(hosts.find(({ id }) => id === me)?.status === 'pending' ? [] : hosts);
  }

  private poll(): void {
    this.polling ??= this.pollDatabase()
      .catch((error: unknown) => {
        this.hostContext.events.emit('failed', { doing: 'polling the database', error });
      })
      .finally(() => {
        this.polling = undefined;
      });
  }

  /** Requests during a check are served by one more check. */
  private checkOutbox(): void {
    if (this.checksAgain) return;
    this.checksAgain = true;
    this.checkingOutbox = this.checkingOutbox
      .then(() => {
        this.checksAgain = false;
        return this.outboxProcessor.poll();
      })
      .catch((error: unknown) => {
        this.hostContext.events.emit('failed', { doing: 'polling the outbox', error });
      });
  }

  private async pollDatabase(): Promise<void> {
    const { registry } = this.hostContext;
    const isSecond = this.polls++ % 2 === 0;
    await (isSecond ? this.hostContext.refresh() : registry.refresh());
    if (this.ending.signal.aborted) return;
    this.heartbeats.observe(registry.all());
    this.membership.poll();
    await this.bootstrapRequests.poll();
    this.updateQueues();
    if (isSecond) this.runner.wake();
    await this.outboxProcessor.poll();
    if (performance.now() >= this.nextThoroughAt || this.outboxProcessor.hasDropped)
      await this.pollThoroughly();
  }

  /** Finds everything whose hint was lost. */
  private async pollThoroughly(): Promise<void> {
    const { registry } = this.hostContext;
    this.nextThoroughAt = performance.now() + this.tuning.fullPollMs;
    await this.ownPending.poll();
    // Other hosts must not get the files of a host that is not ready.
    if (registry.me().readyAt !== undefined) {
      const enqueue = (entries: readonly Entry[]): void => {
        this.queues.enqueue(entries);
      };
      await takeOverOrphaned(
        { ledger: this.hostContext.ledger, me: this.hostContext.me, enqueue },
        this.heartbeats.listGone(registry.all()),
        this.ending.signal,
      );
    }
    await this.backfill.poll();
    await this.queues.poll();
    this.periodicScan.poll();
  }

  private async scan(dir: SyncDir, signal: AbortSignal, scope?: ScanScope): Promise<void> {
    const { ledger, me } = this.hostContext;
    await scanSyncDir(
      { reconciler: this.reconciler, ledger, disk: this.disk, me },
      dir,
      signal,
      (entries) => {
        this.queues.enqueue(entries);
      },
      scope,
    );
  }

  private async recordUnsyncable({ path }: SyncDir, found: UnsyncableNames): Promise<void> {
    const { registry, events } = this.hostContext;
    const before = registry.me().unsyncable?.[path];
    if (isDeepStrictEqual(before ?? { count: 0, examples: [] }, found)) return;
    await registry.recordUnsyncable(path, found.count > 0 ? found : undefined);
    if (found.count > 0) events.emit('unsyncable', { dir: path, found });
  }

  private notifyReceived(files: number): void {
    this.hostContext.events.emit('received', { files });
    this.reload?.request();
  }

  /**
   * Finds the sync dir of a path that may be synced. This checks paths from rows and other
   * processes.
   */
  private findSyncDir(path: Path): SyncDir | undefined {
    const dirs = this.hostContext.dirs.current();
    return isSafePath(path) && !dirs.isExcluded(path) ? dirs.findFor(path) : undefined;
  }

  private listReceivers(path: Path): HostId[] | undefined {
    const { registry, me } = this.hostContext;
    if (!this.findSyncDir(path)) return undefined;
    return registry
      .recipients()
      .filter((host) => host.id !== me && wantsPath(host, path))
      .map(({ id }) => id);
  }
}
