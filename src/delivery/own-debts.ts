import type { Ledger } from '../ledger/ledger.js';
import type { HostId, Path } from '../words.js';

const batch = 500;

export interface OwnDebtsContext {
  readonly ledger: Ledger;
  readonly me: HostId;
  /** Makes the ledger say what this disk says of these paths. */
  reconcile(paths: readonly Path[]): Promise<void>;
  /** Milliseconds between two looks; each takes a batch, so that entries nobody can help cost little. */
  readonly everyMs: number;
}

/**
 * What a sender is owed itself, since a delivery of an older version landed on its disk or an old file was put back there: no lane
 * brings it that, and no other host hears of it from it. Whether it has the bytes all the same, or a copy in its own `.syncmedia`,
 * only this host can see.
 */
export class OwnDebts {
  private after: Path | undefined;
  private nextAt = 0;

  constructor(private readonly context: OwnDebtsContext) {}

  async poll(): Promise<void> {
    if (performance.now() < this.nextAt) return;
    const { ledger, me, everyMs } = this.context;
    const entries = await ledger.owedToSender(me, batch, this.after);
    if (entries.length > 0) await this.context.reconcile(entries.map(({ path }) => path));
    this.after = entries.length < batch ? undefined : entries.at(-1)?.path;
    this.nextAt = performance.now() + everyMs;
  }
}
