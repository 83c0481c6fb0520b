import { isDeepStrictEqual } from 'node:util';
import type { HostContext } from '../context/host-context.js';
import { setGateHistory } from '../access/gate.js';
import { SyncMediaError } from '../model/errors.js';
import type { Failure } from '../model/failure.js';
import type { HistoryAdoption, HistoryState, HostId } from '../model/host.js';
import type { History, HistorySize } from '../transport/history.js';
import { toFailure } from '../transport/to-failure.js';

/**
 * Keeps this host's row in step with how its history is recorded and shared, for status and
 * doctor. Writes the row only where something changes.
 */
export class HistoryStateStore {
  private written: HistoryState | undefined;
  /** Undefined until this process changes what an earlier leader wrote. */
  private changed: HistoryState | undefined;
  private announced = false;

  constructor(private readonly context: Pick<HostContext, 'registry' | 'config'>) {}

  /**
   * Opens this host's history to the others, and tells them that they may share theirs.
   *
   * @param isNew the history is empty, so all existing files are to be adopted
   */
  async announce(history: History, isNew: boolean): Promise<void> {
    const { config } = this.context;
    await setGateHistory(config.stateDir, {
      repository: history.place,
      maxBytes: config.history.maxBytes,
      ...(history.annexPlace !== undefined && { annex: history.annexPlace }),
    });
    // A failure to record stays until recording works: a history that opens may not take versions.
    const { unshared: _, adoption: adopted, ...before } = this.state;
    // Files that are captured from now on are recorded as they are captured.
    const adoption = (!isNew && adopted) || { since: new Date(), files: 0, bytes: 0 };
    this.changed = { ...before, adoption };
    this.announced = true;
    await this.write();
  }

  /** Closes this host's history to the others, where its backend keeps none any more. */
  async withdraw(): Promise<void> {
    const { registry, config } = this.context;
    const me = registry.me();
    if (me.history) await setGateHistory(config.stateDir, undefined);
    if (me.history || me.backend !== config.backend)
      await registry.recordHistory(config.backend, undefined);
  }

  /** @param error undefined: recording works again */
  recordFailure(error: unknown): Promise<void> {
    const { failingSince = new Date(), ...rest } = this.state;
    if (error === undefined) {
      const { failure: _, ...others } = rest;
      this.changed = others;
    } else this.changed = { ...rest, failure: toHistoryFailure(error), failingSince };
    return this.write();
  }

  /** @param failure undefined: sharing works again */
  recordUnshared(host: HostId, failure: Failure | undefined): Promise<void> {
    const { [host]: before, ...others } = this.state.unshared ?? {};
    const unshared =
      failure === undefined
        ? others
        : { ...others, [host]: { failure, since: before?.since ?? new Date() } };
    this.changed = { ...this.state, unshared };
    return this.write();
  }

  recordSize({ bytes, oldest }: HistorySize): Promise<void> {
    const { oldest: _, ...rest } = this.state;
    this.changed = { ...rest, bytes, ...(oldest && { oldest }) };
    return this.write();
  }

  /** Whether this process has opened the history. */
  get isAnnounced(): boolean {
    return this.announced;
  }

  /** Undefined until the history was announced. */
  get adoption(): HistoryAdoption | undefined {
    return this.announced ? this.state.adoption : undefined;
  }

  recordAdoption(adoption: HistoryAdoption): Promise<void> {
    this.changed = { ...this.state, adoption };
    return this.write();
  }

  recordForgotten(at: Date): Promise<void> {
    const { forgottenUntil = at } = this.state;
    this.changed = { ...this.state, forgottenUntil: at > forgottenUntil ? at : forgottenUntil };
    return this.write();
  }

  private get state(): HistoryState {
    return this.changed ?? this.context.registry.me().history ?? {};
  }

  private async write(): Promise<void> {
    if (isDeepStrictEqual(this.state, this.written)) return;
    const state = this.state;
    await this.context.registry.recordHistory(this.context.config.backend, state);
    this.written = state;
  }
}

/** An error that is none of ours, such as one of this disk, is a failure of the history. */
function toHistoryFailure(error: unknown): Failure {
  return error instanceof SyncMediaError
    ? toFailure(error, 'host')
    : { ...toFailure(error, 'host'), code: 'HISTORY_FAILED' };
}
