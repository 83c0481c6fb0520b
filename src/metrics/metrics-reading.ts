import type { Overview } from '../api/overview.js';
import type { TotalsRow } from '../counters/counter-row.js';
import type { HostId } from '../model/host.js';

/** Captures of a host that no leader has processed yet. */
export interface WaitingCaptures {
  readonly host: HostId;
  readonly captures: number;
  readonly oldestSeconds: number;
}

/** Everything that the metrics say, as one reading of the database. */
export interface MetricsReading {
  readonly overview: Overview;
  readonly totals: readonly TotalsRow[];
  readonly waiting: readonly WaitingCaptures[];
  /** Seconds since the database was read, by the clock of this process that is never set. */
  readonly ageSeconds: number;
}
