import type { Entry } from '../model/entry.js';
import type { Host, HostId } from '../model/host.js';
import { DeliveryQueue, type DeliveryQueueContext } from './delivery-queue.js';

/** How many blocked paths one poll makes pending again. */
const retryLimit = 500;
/** Milliseconds after the last new version in which the next one is likely to follow. */
const QUIET_MS = 250;

/** The delivery queues of this host as origin: one for every host that files can be sent to. */
export class DeliveryQueues {
  private readonly queues = new Map<HostId, DeliveryQueue>();
  private readonly ending = new Set<Promise<void>>();
  private closed = false;
  private enqueuedAt = -Infinity;

  constructor(private readonly context: DeliveryQueueContext) {}

  /** Starts a queue for each new host and closes the queues of hosts that are gone. */
  updateHosts(hosts: readonly Host[]): void {
    if (this.closed) return;
    const wanted = new Map(
      hosts
        .filter(({ id, status }) => id !== this.context.me && status === 'approved')
        .map((host) => [host.id, host]),
    );
    const gone = [...this.queues.values()].filter(({ id }) => !wanted.has(id));
    for (const queue of gone) this.queues.delete(queue.id);
    for (const id of wanted.keys()) {
      if (this.queues.has(id)) continue;
      const queue = new DeliveryQueue(id, this.context);
      this.queues.set(id, queue);
      queue.wake();
    }
    // Closing the queue of an unresponsive host takes time, and nobody else waits for it.
    for (const queue of gone) {
      const ended = queue.close().finally(() => {
        this.ending.delete(ended);
      });
      this.ending.add(ended);
    }
  }

  /** Enqueues just written entries for the hosts that have them pending. */
  enqueue(entries: readonly Entry[]): void {
    this.enqueuedAt = performance.now();
    for (const queue of this.queues.values()) {
      const pendingHere = entries.filter(
        ({ origin, pending: hosts }) => origin === this.context.me && hosts.includes(queue.id),
      );
      if (pendingHere.length > 0) queue.enqueue(pendingHere);
    }
  }

  wake(host: HostId): void {
    this.queues.get(host)?.retryNow();
  }
  /** Whether any queue is at work, or files were enqueued so recently that more may follow. */
  get hasTraffic(): boolean {
    return (
      performance.now() - this.enqueuedAt < QUIET_MS ||
      [...this.queues.values()].some((queue) => queue.isDelivering)
    );
  }
  isBackingOff(host: HostId): boolean {
    return this.queues.get(host)?.isBackingOff ?? true;
  }

  /** Finds pending entries in the ledger that no hint announced. */
  async poll(): Promise<void> {
    const { ledger, me } = this.context;
    await ledger.retryDueBlocked(me, new Date(), retryLimit);
    const able = [...this.queues.values()].filter((queue) => !queue.isBackingOff);
    for (const queue of able) if (queue.hasDueDirs) queue.wake();
    if (
      await ledger.hasPending(
        me,
        able.map(({ id }) => id),
      )
    )
      for (const queue of able) queue.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.queues.values()];
    this.queues.clear();
    await Promise.all([...this.ending, ...all.map((queue) => queue.close())]);
  }
}
