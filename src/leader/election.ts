import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../transport/backend.js';
import { createRsyncBackend } from '../transport/rsync/rsync-backend.js';
import { bounded } from '../util/with-timeout.js';
import type { Outbox } from '../capture/outbox.js';
import { createJudging } from '../replication/resolve-replaced.js';
import { Listening } from './listening.js';
import { WakeClient } from './wake-client.js';
import { socketPath, type Hint } from './wake-socket.js';
import { SyncMediaError } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import { Holding } from './leader.js';
import { KeysKept } from './jobs/installed-keys.js';
import { Lease } from './lease.js';
import type { State } from '../state-dir/state.js';
import type { Config, Tuning } from '../config/config.js';
import type { Parts } from '../context/host-context.js';
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
  ledLookMs = 50;
/** In milliseconds. The leader answers at once, unless its event loop is busy. */
const answerMs = 2_000;
/** In milliseconds. How long making captures due may take. */
const makeDueMs = 2_000;

/**
 * Competes for this host's lease and runs a `Holding` while this process has it. Otherwise passes
 * hints on to the leader. Gaining and losing the lease never overlap.
 */
export class LeaseHolder {
  private readonly wake: WakeClient;
  private lease: Lease | undefined;
  private backend: Backend | undefined;
  private holding: Holding | undefined;
  private listening: Listening | undefined;
  private leading = false;
  private changing: Promise<void> = Promise.resolve();
  private keys: KeysKept | undefined;
  private readonly ending = new AbortController();

  /** @param outbox undefined before this process has captured anything */
  constructor(
    private readonly config: Config,
    private readonly tuning: Tuning,
    private readonly events: EventBus,
    private readonly outbox: () => Outbox | undefined,
  ) {
    this.wake = new WakeClient({
      stateDir: config.stateDir,
      makeDue: (ids) => this.makeDue(ids),
      onGone: () => {
        this.lease?.hurry();
      },
    });
  }

  get begun(): boolean {
    return this.lease !== undefined;
  }
  get held(): boolean {
    return this.lease?.held() ?? false;
  }

  /** Whether a process of this host leads: this one, or one that answers in time. */
  async isLed(): Promise<boolean> {
    return this.leads || this.wake.ask(answerMs);
  }

  /**
   * Resolves when a process of this host leads. Resolves as well after five seconds, and where
   * none can lead.
   */
  async waitUntilLed(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + ledPatienceMs;
    while (
      performance.now() < deadline &&
      !signal.aborted &&
      this.lease?.isHopeless() !== true &&
      !(await this.isLed())
    ) {
      await sleep(ledLookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Starts competing for the lease. Idempotent. */
  begin(parts: Parts, state: State): void {
    if (this.lease || this.ending.signal.aborted) return;
    const {
      tuning: { leaseMs, beatMs },
      config,
    } = this;
    const lease = new Lease({
      rows: parts.hostRows,
      host: parts.me,
      leaseMs,
      beatMs,
      log: config.log,
      software: { syncmedia: version, node: process.version },
      socketPath: socketPath(config.stateDir),
    });
    this.lease = lease;
    const target = { stateDir: config.stateDir, state, log: config.log };
    this.keys = new KeysKept({
      target,
      registry: parts.registry,
      events: parts.events,
      held: () => this.held,
      sealed: config.secret !== undefined,
    });
    lease.onChange((held) => {
      parts.events.emit('lease', { held });
      this.changing = this.changing
        .then(() => (held ? this.holdOn(parts, state, lease) : this.letGo()))
        .catch((error: unknown) => {
          parts.events.emit('failed', { doing: 'stepping down as leader', error });
        });
    });
    // Data in memory may be old when the connection opens again, so the leader starts anew.
    parts.database.onChange((open) => {
      this.changing = this.changing
        .then(() => this.letGo())
        .then(() => (open ? this.holdOn(parts, state, lease) : undefined))
        .catch((error: unknown) => {
          parts.events.emit('failed', { doing: 'stepping down as leader', error });
        });
    });
    lease.start();
    this.wake.watch(true);
  }

  /** For the start of an application; a command that carries out a run does not warn. */
  warnOfTrust(): void {
    this.keys?.warn();
  }

  /** Passes a hint to the leader, in this process or another. Neither throws nor waits. */
  tell(hint: Hint): void {
    if (this.holding?.take(hint) !== true) this.wake.tell(hint);
  }

  /** Has a time limit: an absent database does not delay it. */
  async close(): Promise<void> {
    this.ending.abort();
    // The leader ends before the lease is released: the next leader must not meet its deliveries.
    this.changing = this.changing.then(() => this.letGo()).catch(() => undefined);
    // Do not wait for the timeout of an unresponsive host: break its connection.
    if (!(await this.changed())) {
      await this.backend?.close();
      await this.changed();
    }
    await this.lease?.stop();
    await this.changed();
    await this.wake.close();
    await this.keys?.close();
    await this.backend?.close();
  }

  /** Whether the change has ended in time. */
  private async changed(): Promise<boolean> {
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
  private async holdOn(parts: Parts, state: State, lease: Lease): Promise<void> {
    while (lease.held() && !this.ending.signal.aborted) {
      try {
        await this.hold(parts, state, lease);
        return;
      } catch (error) {
        parts.events.emit('failed', { doing: 'starting as leader', error });
        await this.letGo();
        await sleep(retryMs, undefined, { signal: this.ending.signal, ref: false }).catch(
          () => undefined,
        );
      }
    }
  }

  private async hold(parts: Parts, state: State, lease: Lease): Promise<void> {
    if (this.ending.signal.aborted || this.holding || !lease.held()) return;
    const { config, tuning } = this;
    await parts.refresh();
    await this.keys?.update();
    // Another process may have taken the lease meanwhile, and its socket must not be replaced.
    if (!(await lease.confirm()) || this.ending.signal.aborted) return;
    const backend = this.useBackend(parts, state);
    const holding = new Holding(
      parts,
      config,
      tuning,
      backend,
      createJudging(parts.ledger, parts.registry, parts.events),
    );
    this.holding = holding;
    const listening = new Listening({
      stateDir: config.stateDir,
      events: parts.events,
      everyMs: tuning.pollMs,
      onHint: (hint) => holding.take(hint),
      confirm: () => lease.confirm(),
      announce: (socket) => {
        if (this.listening === listening) lease.announce(socket);
      },
    });
    this.listening = listening;
    await listening.start();
    await holding.start();
    this.leading = true;
    this.wake.watch(false);
  }

  private get leads(): boolean {
    return this.leading && this.held;
  }

  /**
   * Returns the backend of this process, created at its first use. A process without the lease
   * uses it for fetches.
   * @throws CLOSED
   */
  useBackend(parts: Parts, state: State): Backend {
    if (this.ending.signal.aborted) throw new SyncMediaError('CLOSED', 'this instance was closed');
    this.backend ??= this.makeBackend(parts, state);
    return this.backend;
  }

  private makeBackend(parts: Parts, { identityFile }: State): Backend {
    const { root, dirs, me } = parts;
    const { stateDir, timeoutMs, bandwidthLimit, chmod, log } = this.config;
    const ssh = new Ssh({ stateDir, identityFile, timeoutMs, idleMs: this.tuning.idleMs });
    return createRsyncBackend({
      root,
      dirs: () => dirs.current(),
      self: me,
      ssh,
      judgeAt: createJudging(parts.ledger, parts.registry, parts.events),
      timeoutMs,
      bandwidthLimit,
      chmod,
      log,
    });
  }

  /**
   * Makes captures due that no leader has acknowledged, so that the next leader finds them at
   * once.
   */
  private async makeDue(ids: readonly string[]): Promise<void> {
    try {
      const outbox = this.outbox();
      if (outbox) await bounded(outbox.makeDue(ids), makeDueMs, 'the database');
    } catch (error) {
      this.events.emit('failed', {
        doing:
          `making captures due at once (they are in ` +
          `${String(this.tuning.captureDueMs / 1000)} s)`,
        error,
      });
    }
  }

  private async letGo(): Promise<void> {
    const { holding, listening } = this;
    this.holding = undefined;
    this.listening = undefined;
    this.leading = false;
    this.lease?.announce(undefined);
    try {
      await holding?.close();
    } finally {
      // Last: a process that finds nobody listening takes the lease.
      await listening?.close();
      if (!this.ending.signal.aborted) this.wake.watch(true);
    }
  }
}
