import type { HostContext } from '../context/host-context.js';
import { getErrorMessage } from '../model/errors.js';
import type { HostId, SetupProblem } from '../model/host.js';
import { checkGate, setGatePidNamespace } from '../access/gate.js';
import { installKeys, readStateNow } from '../access/install-keys.js';
import { explainMissingSecret, explainUnsealed, remedyForUnreadable } from '../hosts/seal.js';

/** Interval of the retries, and so the longest time that a retired host stays logged in. */
const INSTALL_INTERVAL_MS = 20_000;

/** Keeps authorized_keys and the gate in step with the registry while this process runs. */
export class KeyInstaller {
  private readonly unsubscribe: () => void;
  private readonly timer: NodeJS.Timeout;
  private running: Promise<void> = Promise.resolve();
  private isQueued = false;
  private closed = false;
  private readonly warnedUnsealed = new Set<HostId>();
  private readonly warnedUnreadable = new Set<HostId>();
  private warnedNoSecret = false;

  /**
   * @param isLeader whether this process is the leader: one process writes for all
   * @param report receives problems that a person has to solve
   */
  constructor(
    private readonly hostContext: Pick<HostContext, 'config' | 'state' | 'registry' | 'events'>,
    private readonly isLeader: () => boolean,
    private readonly report: (problem: SetupProblem) => void,
  ) {
    const { registry } = hostContext;
    this.unsubscribe = registry.onChange(() => {
      void this.update();
    });
    // The leader reads the hosts often enough by itself.
    const refresh = (): Promise<unknown> => (isLeader() ? Promise.resolve() : registry.refresh());
    this.timer = setInterval(() => {
      void refresh().then(
        () => this.update(),
        () => undefined,
      );
    }, INSTALL_INTERVAL_MS);
    this.timer.unref();
  }

  /**
   * Reports for the start of an application a missing secret, and keys of other hosts that are not
   * confined or can no longer be.
   */
  async reportRisks(): Promise<void> {
    const { config, state } = this.hostContext;
    if (config.secret === undefined) {
      const power = state.unconfined
        ? 'has a login shell on this one'
        : 'reads and replaces every file in the sync dirs';
      this.report({
        about: 'SYNCMEDIA_SECRET',
        message:
          'SYNCMEDIA_SECRET is not set: anyone with write access to the database can register a ' +
          `host of their own, which then ${power}`,
        remedy:
          'set the same SYNCMEDIA_SECRET on all machines, restart the applications, and run ' +
          '`syncmedia init` on each machine',
      });
    }
    if (state.unconfined) {
      this.report({
        about: 'confinement',
        message:
          'the keys of the other hosts are not confined: each of them has a login shell here',
        remedy: 'run `syncmedia init --confined`',
      });
      return;
    }
    try {
      await checkGate(this.hostContext.config.stateDir);
    } catch (error) {
      this.report({
        about: 'confinement',
        message: `the keys of the other hosts cannot be confined: ${getErrorMessage(error)}`,
        remedy: 'run `syncmedia doctor`, which checks it',
      });
    }
  }

  /**
   * Installs the keys. Call it when the lease is gained or the registry changes. Calls during a
   * run share one further run.
   */
  update(): Promise<void> {
    if (this.isQueued || this.closed) return this.running;
    this.isQueued = true;
    this.running = this.running.then(() => {
      this.isQueued = false;
      return this.installNow();
    });
    return this.running;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.unsubscribe();
    clearInterval(this.timer);
    await this.running;
  }

  private async installNow(): Promise<void> {
    const { config, registry } = this.hostContext;
    // A retired host gets no lease, and its keys must go all the same.
    const retired = registry
      .all()
      .some(({ id, status }) => id === this.hostContext.state.id && status === 'retired');
    if (this.closed || (!this.isLeader() && !retired)) return;
    this.warnOfHostRows();
    try {
      const state = readStateNow({ stateDir: config.stateDir, state: this.hostContext.state });
      if (!retired && !state.unconfined) await setGatePidNamespace(config.stateDir);
      await installKeys({ stateDir: config.stateDir, state, log: config.log }, registry.all());
    } catch (error) {
      this.reportFailure(`writing ${this.hostContext.state.authorizedKeysFile}`, error);
    }
  }

  private warnOfHostRows(): void {
    const {
      registry,
      config: { secret },
    } = this.hostContext;
    const unsealed = registry.all().filter((host) => host.unsealed);
    for (const { id, hostname } of unsealed) {
      if (this.warnedUnsealed.has(id)) continue;
      const { message, remedy } = explainUnsealed({ hostname });
      this.report({
        about: `host ${hostname}`,
        message:
          `host ${JSON.stringify(hostname)} (${id}) waits for approval: ` +
          (secret === undefined ? 'its row in the database is malformed' : message),
        remedy,
      });
    }
    this.warnedUnsealed.clear();
    for (const { id } of unsealed) this.warnedUnsealed.add(id);
    for (const { id, hostname, unreadable } of registry.all()) {
      if (!unreadable || this.warnedUnreadable.has(id)) continue;
      this.warnedUnreadable.add(id);
      this.report({
        about: `row of host ${hostname}`,
        message:
          `the row of host ${JSON.stringify(hostname)} (${id}) in the database has fields that ` +
          `cannot be used and count as left out: ${unreadable.join(', ')}`,
        remedy: remedyForUnreadable,
      });
    }
    const sealedElsewhere = registry
      .all()
      .filter((host) => host.uncheckedSeal && host.status !== 'retired');
    if (sealedElsewhere.length > 0 && !this.warnedNoSecret) {
      this.report({ about: 'SYNCMEDIA_SECRET', ...explainMissingSecret(sealedElsewhere) });
    }
    this.warnedNoSecret = sealedElsewhere.length > 0;
  }

  private reportFailure(doing: string, error: unknown): void {
    this.hostContext.events.emit('failed', { doing, error });
  }
}
