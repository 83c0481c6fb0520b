import type { Entry, Host, HostId } from '../words.js';
import { Lane, type LaneContext } from './lane.js';

/** How many blocked paths are put back into the queue at one poll. */
const retryLimit = 500;

/** The lanes of this host as sender: one for every host that can be sent to. */
export class Lanes {
  private readonly lanes = new Map<HostId, Lane>();
  private readonly ending = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly context: LaneContext) {}

  /** Begins a lane for each new host and ends those of hosts that are gone; wakes those of hosts that were resumed. */
  follow(hosts: readonly Host[]): void {
    if (this.closed) return;
    const wanted = new Map(hosts.filter(({ id, status }) => id !== this.context.me && status === 'approved').map((host) => [host.id, host]));
    const gone = [...this.lanes.values()].filter(({ id }) => !wanted.has(id));
    for (const lane of gone) this.lanes.delete(lane.id);
    for (const id of wanted.keys()) {
      if (this.lanes.has(id)) continue;
      const lane = new Lane(id, this.context);
      this.lanes.set(id, lane);
      lane.wake();
    }
    // A host that stands still takes its time to end; nobody else waits for it.
    for (const lane of gone) {
      const ended = lane.close().finally(() => { this.ending.delete(ended); });
      this.ending.add(ended);
    }
  }

  /** Hands entries that were just written to the lanes they are owed on. */
  offer(entries: readonly Entry[]): void {
    for (const lane of this.lanes.values()) {
      const owed = entries.filter(({ sender, owed: hosts }) => sender === this.context.me && hosts.includes(lane.id));
      if (owed.length > 0) lane.offer(owed);
    }
  }

  wake(host: HostId): void { this.lanes.get(host)?.retryNow(); }
  isWaiting(host: HostId): boolean { return this.lanes.get(host)?.isWaiting ?? true; }

  /** The safety net: what no hint told is found in the ledger. */
  async poll(): Promise<void> {
    const { ledger, me } = this.context;
    await ledger.retryBlocked(me, new Date(), retryLimit);
    const able = [...this.lanes.values()].filter((lane) => !lane.isWaiting);
    if (await ledger.owedHosts(me, able.map(({ id }) => id))) for (const lane of able) lane.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.lanes.values()];
    this.lanes.clear();
    await Promise.all([...this.ending, ...all.map((lane) => lane.close())]);
  }
}
