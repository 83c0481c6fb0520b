import type { LeaderContext } from '../context/leader-context.js';
import { computeBackoff } from '../decisions/backoff.js';
import type { Runner } from './runner.js';

/** In milliseconds. How often this host records that it is at work. */
const recordSeenMs = 60 * 60_000;
/**
 * A failed bootstrap is retried after this many times the backoff of a failing delivery queue.
 */
const backoffFactor = 5;

/**
 * Makes this host ready: requests its bootstrap, repeats it after a failure, and starts it anew
 * after a long absence.
 */
export class BootstrapRequests {
  readonly name = 'requesting a bootstrap of this host';
  private requested = 0;
  private notBefore = 0;

  constructor(
    private readonly context: Pick<LeaderContext, 'registry' | 'runs' | 'me' | 'tuning'>,
    private readonly runner: Pick<Runner, 'handleHint'>,
  ) {}

  /** Called when this process begins to lead. */
  async start(): Promise<void> {
    await this.markLongAbsence();
    await this.poll();
  }

  /**
   * A host that was away for long is filled again,
   * unless no other host has files.
   */
  private async markLongAbsence(): Promise<void> {
    const { registry, tuning } = this.context;
    const { lastSeenAt: seenAt, readyAt } = registry.me();
    if (
      readyAt === undefined ||
      seenAt === undefined ||
      Date.now() - seenAt.getTime() < tuning.absentMs
    )
      return;
    const hasOtherSource = registry
      .others()
      .some((host) => !host.passive && host.readyAt !== undefined && host.status === 'approved');
    if (hasOtherSource) await registry.markReturned(new Date());
  }

  async poll(): Promise<void> {
    const { registry, runs, me, tuning } = this.context;
    const { lastSeenAt: seenAt, readyAt, status } = registry.me();
    if (seenAt === undefined || Math.abs(Date.now() - seenAt.getTime()) > recordSeenMs)
      await registry.recordLastSeen(new Date());
    if (
      readyAt !== undefined ||
      status !== 'approved' ||
      performance.now() < this.notBefore ||
      (await runs.findUnfinished(me, 'bootstrap'))
    )
      return;
    this.notBefore =
      performance.now() +
      backoffFactor *
        computeBackoff(++this.requested, tuning.backoffMs, tuning.backoffMaxMs, Math.random());
    await runs.request({
      kind: 'bootstrap',
      at: me,
      hosts: [],
      dirs: [],
      dryRun: false,
      requestedBy:
        this.requested === 1 ? 'this host, which is new' : 'this host, which is not ready yet',
    });
    this.runner.handleHint({ run: true });
  }
}
