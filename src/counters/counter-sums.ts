import type { HostId } from '../model/host.js';

/** The most fields that are kept. Hosts, paths and outcomes are few, so no site comes near. */
const maxFields = 50_000;

/** Amounts to be added to the fields of the totals, and the files delivered to each host. */
export interface CounterSums {
  readonly fields: ReadonlyMap<string, number>;
  readonly delivered: ReadonlyMap<HostId, number>;
}

/** The amounts that a process has counted since they were last taken. */
export class Tally {
  private fields = new Map<string, number>();
  private delivered = new Map<HostId, number>();

  get isEmpty(): boolean {
    return this.fields.size === 0;
  }

  add(field: string, amount = 1): void {
    add(this.fields, field, amount);
  }

  addDelivered(host: HostId): void {
    add(this.delivered, host, 1);
  }

  /** Returns the sums, and begins anew. */
  take(): CounterSums {
    const { fields, delivered } = this;
    this.fields = new Map();
    this.delivered = new Map();
    return { fields, delivered };
  }
}

function add(sums: Map<string, number>, key: string, amount: number): void {
  const before = sums.get(key);
  if (before === undefined && sums.size >= maxFields) return;
  sums.set(key, (before ?? 0) + amount);
}
