import type { Entry, Host, HostId } from '../model/words.js';
import { Lane, type LaneContext } from './delivery-queue.js';

/** How many blocked paths one poll makes pending again. */
const retryLimit = 500;

/** The delivery queues of this host as origin: one for every host that files can be sent to. */
export class Lanes {
  private readonly lanes = new Map<HostId, Lane>();
  private readonly ending = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly context: LaneContext) {}

  /** Starts a queue for each new host and closes the queues of hosts that are gone. */
  follow(hosts: readonly Host[]): void {
    if (this.closed) return;
    const wanted = new Map(
      hosts
        .filter(({ id, status }) => id !== this.context.me && status === 'approved')
        .map((host) => [host.id, host]),
    );
    const gone = [...this.lanes.values()].filter(({ id }) => !wanted.has(id));
    for (const lane of gone) this.lanes.delete(lane.id);
    for (const id of wanted.keys()) {
      if (this.lanes.has(id)) continue;
      const lane = new Lane(id, this.context);
      this.lanes.set(id, lane);
      lane.wake();
    }
    // Closing the queue of an unresponsive host takes time, and nobody else waits for it.
    for (const lane of gone) {
      const ended = lane.close().finally(() => {
        this.ending.delete(ended);
      });
      this.ending.add(ended);
    }
  }

  /** Enqueues just written entries for the hosts that have them pending. */
  offer(entries: readonly Entry[]): void {
    for (const lane of this.lanes.values()) {
      const owed = entries.filter(
        ({ sender, owed: hosts }) => sender === this.context.me && hosts.includes(lane.id),
      );
      if (owed.length > 0) lane.offer(owed);
    }
  }

  wake(host: HostId): void {
    this.lanes.get(host)?.retryNow();
  }
  isWaiting(host: HostId): boolean {
    return this.lanes.get(host)?.isWaiting ?? true;
  }

  /** Finds pending entries in the ledger that no hint announced. */
  async poll(): Promise<void> {
    const { ledger, me } = this.context;
    await ledger.retryBlocked(me, new Date(), retryLimit);
    const able = [...this.lanes.values()].filter((lane) => !lane.isWaiting);
    if (
      await ledger.owedHosts(
        me,
        able.map(({ id }) => id),
      )
    )
      for (const lane of able) lane.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.lanes.values()];
    this.lanes.clear();
    await Promise.all([...this.ending, ...all.map((lane) => lane.close())]);
  }
}
