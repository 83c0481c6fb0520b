import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../transport/backend.js';
import { createBackend } from '../transport/registry.js';
import { withTimeout } from '../util/with-timeout.js';
import { createReplacedFileResolver } from '../replication/resolve-replaced.js';
import { WakeListener } from './listening.js';
import { WakeClient } from './wake-client.js';
import { getWakeSocketPath, type LeaderHint } from './wake-socket.js';
import { SyncMediaError } from '../model/errors.js';
import { Leader } from './leader.js';
import { KeyInstaller } from './installed-keys.js';
import { Lease } from './lease.js';
import type { HostContext } from '../context/host-context.js';
import type { ThisHost } from '../context/this-host.js';
import { Ssh } from '../transport/ssh/ssh.js';
import { version } from '../util/version.js';

/**
 * In milliseconds. How long running deliveries may continue while the instance is closed, and
 * then how long the rest may take.
 */
const closePatienceMs = 3_000;
/** In milliseconds. How long to wait before a failed start as leader is tried again. */
const retryMs = 1_000;
/**
 * In milliseconds. How long a starting process waits until some process of this host leads, and
 * how often it checks.
 */
const ledPatienceMs = 5_000,
  ledCheckMs = 50;
/** In milliseconds. The leader answers at once, unless its event loop is busy. */
const answerMs = 2_000;
/** In milliseconds. How long making captures due may take. */
const makeDueMs = 2_000;

/**
 * Competes for this host's lease and runs a `Leader` while this process has it. Otherwise passes
 * hints on to the leader. Gaining and losing the lease never overlap.
 */
export class LeaderElection {
  private readonly wakeClient: WakeClient;
  private lease: Lease | undefined;
  private backend: Backend | undefined;
  private leader: Leader | undefined;
  private listener: WakeListener | undefined;
  private isLeading = false;
  private changing: Promise<void> = Promise.resolve();
  private installedKeys: KeyInstaller | undefined;
  private readonly ending = new AbortController();

  constructor(
    private readonly thisHost: Pick<
      ThisHost,
      'config' | 'tuning' | 'events' | 'outbox' | 'problems'
    >,
  ) {
    this.wakeClient = new WakeClient({
      stateDir: thisHost.config.stateDir,
      makeDue: (ids) => this.makeDue(ids),
      onLeaderGone: () => {
        this.lease?.pollFast();
      },
    });
  }

  get isStarted(): boolean {
    return this.lease !== undefined;
  }
  get isLeaseHeld(): boolean {
    return this.lease?.isHeld() ?? false;
  }

  /** Whether a process of this host leads: this one, or one that answers in time. */
  async isLed(): Promise<boolean> {
    return this.isThisProcessLeading || this.wakeClient.ping(answerMs);
  }

  /**
   * Resolves when a process of this host leads, with that process. Resolves with undefined after
   * five seconds, and where none can lead.
   */
  async waitForLeader(
    signal: AbortSignal,
  ): Promise<'this process' | 'another process' | undefined> {
    const deadline = performance.now() + ledPatienceMs;
    while (
      performance.now() < deadline &&
      !signal.aborted &&
      this.lease?.isHopeless() !== true &&
      !(await this.isLed())
    ) {
      await sleep(ledCheckMs, undefined, { signal }).catch(() => undefined);
    }
    if (this.isLeaseHeld) return 'this process';
    return (await this.isLed()) ? 'another process' : undefined;
  }

  /** Starts competing for the lease. Idempotent. */
  start(hostContext: HostContext): void {
    if (this.lease || this.ending.signal.aborted) return;
    const {
      config,
      tuning: { leaseMs, beatMs },
    } = hostContext;
    const lease = new Lease({
      rows: hostContext.hostRows,
      host: hostContext.me,
      leaseMs,
      beatMs,
      log: config.log,
      software: { syncmedia: version, node: process.version },
      socketPath: getWakeSocketPath(config.stateDir),
      // A leader that starts looks for runs by itself.
      onRunRequested: () => {
        this.leader?.handleHint({ run: true });
      },
    });
    this.lease = lease;
    this.installedKeys = new KeyInstaller(
      hostContext,
      () => this.isLeaseHeld,
      this.thisHost.problems.report,
    );
    lease.onChange((isHeld) => {
      hostContext.events.emit('lease', { held: isHeld });
      this.changing = this.changing
        .then(() => (isHeld ? this.leadUntilLost(hostContext, lease) : this.stepDown()))
        .catch((error: unknown) => {
          hostContext.events.emit('failed', { doing: 'stepping down as leader', error });
        });
    });
    // Data in memory may be old when the connection opens again, so the leader starts anew.
    hostContext.database.onChange((open) => {
      this.changing = this.changing
        .then(() => this.stepDown())
        .then(() => (open ? this.leadUntilLost(hostContext, lease) : undefined))
        .catch((error: unknown) => {
          hostContext.events.emit('failed', { doing: 'stepping down as leader', error });
        });
    });
    lease.start();
    this.wakeClient.keepConnected(true);
  }

  /** For the start of an application; a command that carries out a run does not report them. */
  async reportRisks(): Promise<void> {
    await this.installedKeys?.reportRisks();
  }

  /** Passes a hint to the leader, in this process or another. Neither throws nor waits. */
  sendHint(hint: LeaderHint): void {
    if (this.leader?.handleHint(hint) !== true) this.wakeClient.sendHint(hint);
  }

  /** Has a time limit: an absent database does not delay it. */
  async close(): Promise<void> {
    this.ending.abort();
    // The leader ends before the lease is released: the next leader must not meet its deliveries.
    this.changing = this.changing.then(() => this.stepDown()).catch(() => undefined);
    // Do not wait for the timeout of an unresponsive host: break its connection.
    if (!(await this.waitForChange())) {
      await this.backend?.close();
      await this.waitForChange();
    }
    await this.lease?.stop();
    await this.waitForChange();
    await this.wakeClient.close();
    await this.installedKeys?.close();
    await this.backend?.close();
  }

  /** Whether the change has ended in time. */
  private async waitForChange(): Promise<boolean> {
    const patience = new AbortController();
    const late = sleep(closePatienceMs, false, { signal: patience.signal }).catch(() => false);
    const isDone = await Promise.race([this.changing.then(() => true), late]);
    patience.abort();
    return isDone;
  }

  /**
   * Tries to lead for as long as the lease is held. A leader that runs nothing would block all
   * others.
   */
  private async leadUntilLost(hostContext: HostContext, lease: Lease): Promise<void> {
    while (lease.isHeld() && !this.ending.signal.aborted) {
      try {
        await this.startLeading(hostContext, lease);
        return;
      } catch (error) {
        hostContext.events.emit('failed', { doing: 'starting as leader', error });
        await this.stepDown();
        await sleep(retryMs, undefined, { signal: this.ending.signal, ref: false }).catch(
          () => undefined,
        );
      }
    }
  }

  private async startLeading(hostContext: HostContext, lease: Lease): Promise<void> {
    if (this.ending.signal.aborted || this.leader || !lease.isHeld()) return;
    const { config, tuning, events } = hostContext;
    await hostContext.refresh();
    await this.installedKeys?.update();
    // Another process may have taken the lease meanwhile, and its socket must not be replaced.
    if (!(await lease.confirm()) || this.ending.signal.aborted) return;
    const leader = new Leader(
      hostContext,
      this.getBackend(hostContext),
      createReplacedFileResolver(hostContext.ledger, hostContext.registry, events),
    );
    this.leader = leader;
    const listener = new WakeListener({
      stateDir: config.stateDir,
      events,
      everyMs: tuning.pollMs,
      onHint: (hint) => leader.handleHint(hint),
      confirmLease: () => lease.confirm(),
      announceSocket: (socket) => {
        if (this.listener === listener) lease.announceSocket(socket);
      },
    });
    this.listener = listener;
    await listener.start();
    await leader.start();
    this.isLeading = true;
    this.wakeClient.keepConnected(false);
  }

  private get isThisProcessLeading(): boolean {
    return this.isLeading && this.isLeaseHeld;
  }

  /**
   * Returns the backend of this process, created at its first use. A process without the lease
   * uses it for fetches.
   * @throws CLOSED
   */
  getBackend(hostContext: HostContext): Backend {
    if (this.ending.signal.aborted) throw new SyncMediaError('CLOSED', 'this instance was closed');
    return (this.backend ??= makeBackend(hostContext));
  }

  /**
   * Makes captures due that no leader has acknowledged, so that the next leader finds them at
   * once.
   */
  private async makeDue(ids: readonly string[]): Promise<void> {
    try {
      const { outbox } = this.thisHost;
      if (outbox) await withTimeout(outbox.makeDue(ids), makeDueMs, 'the database');
    } catch (error) {
      this.thisHost.events.emit('failed', {
        doing:
          `making captures due at once (they are in ` +
          `${String(this.thisHost.tuning.captureDueMs / 1000)} s)`,
        error,
      });
    }
  }

  private async stepDown(): Promise<void> {
    const { leader, listener } = this;
    this.leader = undefined;
    this.listener = undefined;
    this.isLeading = false;
    this.lease?.announceSocket(undefined);
    try {
      await leader?.close();
    } finally {
      // Last: a process that finds nobody listening takes the lease.
      await listener?.close();
      if (!this.ending.signal.aborted) this.wakeClient.keepConnected(true);
    }
  }
}

function makeBackend({
  config,
  tuning,
  state,
  replica,
  dirs,
  me,
  ledger,
  registry,
  events,
}: HostContext): Backend {
  const { stateDir, timeoutMs, bandwidthLimit, chmod, log } = config;
  const { identityFile } = state;
  return createBackend[config.backend]({
    replica,
    dirs: () => dirs.current(),
    self: me,
    ssh: new Ssh({ stateDir, identityFile, timeoutMs, idleMs: tuning.idleMs }),
    createResolver: createReplacedFileResolver(ledger, registry, events),
    timeoutMs,
    bandwidthLimit,
    chmod,
    log,
    history: {
      ...config.history,
      stateDir,
      hostname: registry.me().hostname,
      now: () => registry.now(),
    },
  });
}
