import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from './backends/backend.js';
import { createRsyncBackend } from './backends/rsync/rsync-backend.js';
import { createJudging } from './delivery/judging.js';
import { WakeClient, type Hint } from './delivery/wake.js';
import { SyncMediaError } from './errors/errors.js';
import { Holding } from './holding.js';
import { KeysKept } from './hosts/keys-kept.js';
import { Lease } from './hosts/lease.js';
import type { State } from './hosts/state.js';
import type { Config, Tuning } from './options/config.js';
import type { Parts } from './parts.js';
import { Ssh } from './ssh/ssh.js';
import { version } from './version.js';
import type { SyncDir } from './words.js';

/** How long deliveries under way may go on while the instance is closed; then, how long what is left may take to end. */
const closePatienceMs = 3_000;
/** When what the holder runs could not be begun: how long until it is tried again. */
const retryMs = 1_000;

/**
 * Tries for this host's lease, and runs what its holder runs while this process has it; else passes hints on to whoever has it.
 * Gaining and losing the lease follow one another and never overlap.
 */
export class LeaseHolder {
  private readonly wake: WakeClient;
  private lease: Lease | undefined;
  private backend: Backend | undefined;
  private holding: Holding | undefined;
  private changing: Promise<void> = Promise.resolve();
  private keys: KeysKept | undefined;
  private readonly ending = new AbortController();

  constructor(private readonly config: Config, private readonly tuning: Tuning) {
    this.wake = new WakeClient(config.stateDir);
  }

  get begun(): boolean { return this.lease !== undefined; }
  get held(): boolean { return this.lease?.held() ?? false; }

  /** Begins to try for the lease. Idempotent. */
  begin(parts: Parts, state: State): void {
    if (this.lease || this.ending.signal.aborted) return;
    const { tuning: { leaseMs, beatMs }, config } = this;
    const lease = new Lease({
      rows: parts.hostRows, host: parts.me, leaseMs, beatMs, log: config.log,
      software: { syncmedia: version, node: process.version },
    });
    this.lease = lease;
    const target = { stateDir: config.stateDir, state, log: config.log };
    this.keys = new KeysKept({ target, registry: parts.registry, events: parts.events, held: () => this.held, sealed: config.secret !== undefined });
    this.declare(parts.dirs.listDeclared());
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
  }

  /** For the start of an application; a command that carries out a run says nothing of this. */
  warnOfTrust(): void {
    this.keys?.warn();
  }

  /** This process's models declare these sync dirs: other hosts get to reach them here. */
  declare(dirs: readonly SyncDir[]): void {
    void this.keys?.open(dirs.map(({ path }) => path));
  }

  /** To the lanes of this process, or to the process that has them. Neither throws nor waits. */
  tell(hint: Hint): void {
    if (this.holding) this.holding.take(hint);
    else this.wake.tell(hint);
  }

  /** Bounded: while the database is away, what waits for it is not waited for. */
  async close(): Promise<void> {
    this.ending.abort();
    // Ended before the lease is given back: the next holder must not meet our lanes.
    this.changing = this.changing.then(() => this.letGo()).catch(() => undefined);
    // A host that stands still is not waited for until its timeout: its connection is broken off.
    await this.changed();
    await this.backend?.close();
    await this.changed();
    await this.lease?.stop();
    await this.changed();
    await this.keys?.close();
    this.wake.close();
    await this.backend?.close();
  }

  private async changed(): Promise<void> {
    const patience = new AbortController();
    await Promise.race([this.changing, sleep(closePatienceMs, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
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
    const backend = this.useBackend(parts, state);
    const holding = new Holding(parts, config, tuning, backend, createJudging(parts.ledger, parts.registry, parts.events));
    await this.keys?.update();
    this.holding = holding;
    await holding.start();
  }

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

  private async letGo(): Promise<void> {
    const { holding } = this;
    this.holding = undefined;
    await holding?.close();
  }
}
