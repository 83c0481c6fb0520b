import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from './backends/backend.js';
import { createRsyncBackend } from './backends/rsync/rsync-backend.js';
import { bounded } from './bounded.js';
import type { Outbox } from './capture/outbox.js';
import { createJudging } from './delivery/judging.js';
import { Listening } from './delivery/listening.js';
import { WakeClient } from './delivery/wake-client.js';
import { socketPath, type Hint } from './delivery/wake.js';
import { SyncMediaError } from './errors/errors.js';
import type { EventBus } from './events.js';
import { Holding } from './holding.js';
import { KeysKept } from './hosts/keys-kept.js';
import { Lease } from './hosts/lease.js';
import type { State } from './hosts/state.js';
import type { Config, Tuning } from './options/config.js';
import type { Parts } from './parts.js';
import { Ssh } from './ssh/ssh.js';
import { version } from './version.js';

/** How long deliveries under way may go on while the instance is closed; then, how long what is left may take to end. */
const closePatienceMs = 3_000;
/** When what the holder runs could not be begun: how long until it is tried again. */
const retryMs = 1_000;
/** How long a process that starts waits until some process of this host leads, and how often it looks. */
const ledPatienceMs = 5_000, ledLookMs = 50;
/** The leader answers at once, unless it computes. */
const answerMs = 2_000;
/** How long it may take to make captures due. */
const makeDueMs = 2_000;

/**
 * Tries for this host's lease, and runs what its holder runs while this process has it; else passes hints on to whoever has it.
 * Gaining and losing the lease follow one another and never overlap.
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
    private readonly config: Config, private readonly tuning: Tuning, private readonly events: EventBus, private readonly outbox: () => Outbox | undefined,
  ) {
    this.wake = new WakeClient({ stateDir: config.stateDir, makeDue: (ids) => this.makeDue(ids), onGone: () => { this.lease?.hurry(); } });
  }

  get begun(): boolean { return this.lease !== undefined; }
  get held(): boolean { return this.lease?.held() ?? false; }

  /** Whether a process of this host leads: this one, or one that answers. Bounded. */
  async isLed(): Promise<boolean> {
    return this.leads || this.wake.ask(answerMs);
  }

  /** Resolves when a process of this host leads; after five seconds, and where none can lead, all the same. */
  async waitUntilLed(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + ledPatienceMs;
    while (performance.now() < deadline && !signal.aborted && this.lease?.isHopeless() !== true && !(await this.isLed())) {
      await sleep(ledLookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Begins to try for the lease. Idempotent. */
  begin(parts: Parts, state: State): void {
    if (this.lease || this.ending.signal.aborted) return;
    const { tuning: { leaseMs, beatMs }, config } = this;
    const lease = new Lease({
      rows: parts.hostRows, host: parts.me, leaseMs, beatMs, log: config.log,
      software: { syncmedia: version, node: process.version }, socketPath: socketPath(config.stateDir),
    });
    this.lease = lease;
    const target = { stateDir: config.stateDir, state, log: config.log };
    this.keys = new KeysKept({ target, registry: parts.registry, events: parts.events, held: () => this.held, sealed: config.secret !== undefined });
    lease.onChange((held) => {
      parts.events.emit('lease', { held });
      this.changing = this.changing.then(() => held ? this.holdOn(parts, state, lease) : this.letGo())
        .catch((error: unknown) => { parts.events.emit('failed', { doing: 'ending the lanes', error }); });
    });
    // What is kept in memory may be old by the time the connection is open again: the holder begins anew.
    parts.database.onChange((open) => {
      this.changing = this.changing.then(() => this.letGo()).then(() => open ? this.holdOn(parts, state, lease) : undefined)
        .catch((error: unknown) => { parts.events.emit('failed', { doing: 'ending the lanes', error }); });
    });
    lease.start();
    this.wake.watch(true);
  }

  /** For the start of an application; a command that carries out a run says nothing of this. */
  warnOfTrust(): void {
    this.keys?.warn();
  }

  /** To the lanes of this process, or to the process that has them. Neither throws nor waits. */
  tell(hint: Hint): void {
    if (this.holding?.take(hint) !== true) this.wake.tell(hint);
  }

  /** Bounded: while the database is away, what waits for it is not waited for. */
  async close(): Promise<void> {
    this.ending.abort();
    // Ended before the lease is given back: the next holder must not meet our lanes.
    this.changing = this.changing.then(() => this.letGo()).catch(() => undefined);
    // A host that stands still is not waited for until its timeout: its connection is broken off.
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

  /** Whether it has, in time. */
  private async changed(): Promise<boolean> {
    const patience = new AbortController();
    const late = sleep(closePatienceMs, false, { signal: patience.signal }).catch(() => false);
    const isDone = await Promise.race([this.changing.then(() => true), late]);
    patience.abort();
    return isDone;
  }

  /** A holder that runs nothing would keep all others from it: what could not be begun is begun again for as long as the lease is held. */
  private async holdOn(parts: Parts, state: State, lease: Lease): Promise<void> {
    while (lease.held() && !this.ending.signal.aborted) {
      try {
        await this.hold(parts, state, lease);
        return;
      } catch (error) {
        parts.events.emit('failed', { doing: 'beginning the lanes', error });
        await this.letGo();
        await sleep(retryMs, undefined, { signal: this.ending.signal, ref: false }).catch(() => undefined);
      }
    }
  }

  private async hold(parts: Parts, state: State, lease: Lease): Promise<void> {
    if (this.ending.signal.aborted || this.holding || !lease.held()) return;
    const { config, tuning } = this;
    await parts.refresh();
    await this.keys?.update();
    // Another process may have taken the lease meanwhile. Its socket must not be replaced by one of ours.
    if (!(await lease.confirm()) || this.ending.signal.aborted) return;
    const backend = this.useBackend(parts, state);
    const holding = new Holding(parts, config, tuning, backend, createJudging(parts.ledger, parts.registry, parts.events));
    this.holding = holding;
    const listening = new Listening({
      stateDir: config.stateDir, events: parts.events, everyMs: tuning.pollMs,
      onHint: (hint) => holding.take(hint), confirm: () => lease.confirm(),
      announce: (socket) => { if (this.listening === listening) lease.announce(socket); },
    });
    this.listening = listening;
    await listening.start();
    await holding.start();
    this.leading = true;
    this.wake.watch(false);
  }

  private get leads(): boolean { return this.leading && this.held; }

  /** The backend of this process, made at its first use; a process without the lease fetches by it. @throws CLOSED */
  useBackend(parts: Parts, state: State): Backend {
    if (this.ending.signal.aborted) throw new SyncMediaError('CLOSED', 'this instance was closed');
    this.backend ??= this.makeBackend(parts, state);
    return this.backend;
  }

  private makeBackend(parts: Parts, { identityFile }: State): Backend {
    const { root, dirs, me } = parts;
    const { stateDir, timeoutMs, bandwidthLimit, chmod, log } = this.config;
    const ssh = new Ssh({ stateDir, identityFile, timeoutMs, idleMs: this.tuning.idleMs });
    return createRsyncBackend({ root, dirs: () => dirs.current(), self: me, ssh, judgeAt: createJudging(parts.ledger, parts.registry, parts.events), timeoutMs, bandwidthLimit, chmod, log });
  }

  /** Captures that no leader has taken: the next one finds them at once. */
  private async makeDue(ids: readonly string[]): Promise<void> {
    try {
      const outbox = this.outbox();
      if (outbox) await bounded(outbox.makeDue(ids), makeDueMs, 'the database');
    } catch (error) {
      this.events.emit('failed', { doing: `making captures due at once (they are in ${String(this.tuning.captureDueMs / 1000)} s)`, error });
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
      // Last: who finds that nobody listens takes the lease.
      await listening?.close();
      if (!this.ending.signal.aborted) this.wake.watch(true);
    }
  }
}
