import { SyncMediaError } from '../model/errors.js';
import type { ReadyLimits } from '../api/sync-media.js';
import { Heartbeats } from '../hosts/heartbeats.js';
import type { Tuning } from '../config/config.js';
import type { Parts } from '../context/host-context.js';
import { bounded } from '../util/with-timeout.js';
import type { Host, HostId } from '../model/words.js';

const defaults = { maxBehind: 300, maxFiles: 1_000 };
/**
 * The shortest interval between database queries, since the address is public. In milliseconds.
 */
const freshMs = 1_000;
/** A load balancer gets its answer within this time. In milliseconds. */
const answerMs = 3_000;

interface Backlog {
  readonly ready: boolean;
  readonly owed: number;
  readonly behindMs: number;
}

/** @throws BAD_OPTION */
export function checkReadyLimits(limits: ReadyLimits): Required<ReadyLimits> {
  for (const [name, value] of Object.entries(limits)) {
    if (name in defaults && typeof value === 'number' && value >= 0) continue;
    throw new SyncMediaError(
      'BAD_OPTION',
      `syncReady: ${name} is an unknown limit, or its value is no number from 0 up; known are ` +
        `${Object.keys(defaults).join(', ')}`,
    );
  }
  return { ...defaults, ...limits };
}

/** Checks how far this host is behind, at most once a second however many requests come. */
export class Readiness {
  private looked: Promise<Backlog> | undefined;
  private lookedAt = 0;
  private readonly heartbeats: Heartbeats;

  /**
   * @param isLed whether a process of this host is the leader: without one, nothing that is saved
   *   here reaches another host
   */
  constructor(
    private readonly parts: () => Promise<Parts>,
    private readonly isLed: () => Promise<boolean>,
    { leaseMs, pollMs }: Pick<Tuning, 'leaseMs' | 'pollMs'>,
  ) {
    this.heartbeats = new Heartbeats(2 * leaseMs, 3 * pollMs);
  }

  /** Never rejects: if the backlog cannot be read, the host is not ready. */
  async isReady(limits: Required<ReadyLimits>): Promise<boolean> {
    if (!this.looked || performance.now() - this.lookedAt > freshMs) {
      this.lookedAt = performance.now();
      this.looked = bounded(this.look(), answerMs, 'the database');
    }
    const { ready, owed, behindMs } = await this.looked.catch(() => ({
      ready: false,
      owed: 0,
      behindMs: 0,
    }));
    return ready && owed <= limits.maxFiles && (owed === 0 || behindMs <= limits.maxBehind * 1_000);
  }

  private async look(): Promise<Backlog> {
    const { registry, ledger, me } = await this.parts();
    await registry.refresh();
    const backlog = { owed: me, deliverableBy: this.listAtWork(registry.others()) };
    const [owed, since, isLed] = await Promise.all([
      ledger.count(backlog),
      ledger.oldestOwed(backlog),
      this.isLed(),
    ]);
    const { readyAt, status } = registry.me();
    return {
      ready: isLed && readyAt !== undefined && (status === 'approved' || status === 'paused'),
      owed,
      behindMs: since ? Date.now() - since.getTime() : 0,
    };
  }

  /**
   * Lists the hosts that are working: those that renewed their lease within twice the lease time.
   *
   * Files that only stopped hosts have do not make this host unready. No host that works has them
   * either, so sending visitors elsewhere would not help.
   */
  private listAtWork(others: readonly Host[]): HostId[] {
    this.heartbeats.observe(others);
    return others
      .filter(
        ({ id, passive, status }) =>
          !passive && (status === 'approved' || status === 'paused') && !this.heartbeats.isGone(id),
      )
      .map(({ id }) => id);
  }
}
