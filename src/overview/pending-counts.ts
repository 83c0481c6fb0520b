import type { LedgerMeasures, PendingMeasure } from '../ledger/measures.js';
import type { HostId } from '../model/host.js';

/**
 * How many files one reading counts at most, unless hosts are new to it. Counting 100,000 takes the
 * database a tenth of a second and more, each time.
 */
const budget = 20_000;
/** Backlogs up to this size are counted in every reading. */
const small = 200;

type Measures = Pick<LedgerMeasures, 'measurePending' | 'findOldestPending'>;

/**
 * What each host waits for, from one reading of the overview to the next.
 *
 * Every reading looks for the oldest pending file of each host, so the state of a host is never
 * out of date, and a host that waits for nothing has no backlog. Long backlogs are counted in
 * turn, those first that were not counted for longest: with 50 hosts and 100,000 pending files
 * each count is some seconds old at most.
 */
export class PendingCounts {
  private readonly known = new Map<HostId, PendingMeasure>();

  async read(
    measures: Measures,
    hosts: readonly HostId[],
  ): Promise<ReadonlyMap<HostId, PendingMeasure>> {
    const isFirst = this.known.size === 0;
    const waiting = isFirst ? undefined : await measures.findOldestPending(hosts);
    for (const host of this.known.keys()) if (!waiting?.has(host)) this.known.delete(host);
    const due = waiting ? this.chooseDue([...waiting.keys()]) : hosts;
    const counted = due.length > 0 ? await measures.measurePending(due) : undefined;
    for (const host of due) this.remember(host, counted?.get(host));
    return new Map(
      [...this.known].map(([host, measure]) => [
        host,
        { ...measure, oldest: waiting?.get(host) ?? measure.oldest },
      ]),
    );
  }

  /** The map keeps the order in which hosts were counted, the newest last. */
  private chooseDue(waiting: readonly HostId[]): HostId[] {
    const due = waiting.filter((host) => !this.known.has(host));
    let counted = 0;
    for (const [host, { count }] of this.known) {
      if (count > small && counted >= budget) continue;
      if (count > small) counted += count;
      due.push(host);
    }
    return due;
  }

  private remember(host: HostId, measure: PendingMeasure | undefined): void {
    this.known.delete(host);
    if (measure) this.known.set(host, measure);
  }
}
