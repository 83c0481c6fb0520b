import type { Ledger } from '../../ledger/ledger.js';
import type { HostId, Path } from '../../model/words.js';

const batch = 500;

export interface OwnPendingContext {
  readonly ledger: Ledger;
  readonly me: HostId;
  /** Reconciles these paths of this disk with the ledger. */
  reconcilePaths(paths: readonly Path[]): Promise<void>;
  /**
   * Milliseconds between two checks. Each check takes one batch, so entries that nobody can help
   * cost little.
   */
  readonly everyMs: number;
}

/**
 * Re-checks files whose origin is this host but whose current version this host lacks. A late
 * delivery of an older version, or a restored old file, can cause this. No delivery queue serves
 * a file's own origin, so the entry would stay pending. Only this host can see whether its disk
 * or its `.syncmedia` has the bytes.
 */
export class OwnPending {
  private after: Path | undefined;
  private nextAt = 0;

  constructor(private readonly context: OwnPendingContext) {}

  async poll(): Promise<void> {
    if (performance.now() < this.nextAt) return;
    const { ledger, me, everyMs } = this.context;
    const entries = await ledger.findPendingAtOrigin(me, batch, this.after);
    if (entries.length > 0) await this.context.reconcilePaths(entries.map(({ path }) => path));
    this.after = entries.length < batch ? undefined : entries.at(-1)?.path;
    this.nextAt = performance.now() + everyMs;
  }
}
