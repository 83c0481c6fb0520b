import type { LeaderContext } from '../../context/leader-context.js';
import type { Path } from '../../model/path.js';
import type { LeaderJob } from '../leader-job.js';

/** Entries of one check, so that entries that nobody can help cost little. */
const batch = 500;

/**
 * Re-checks files whose current version this host lacks, and that no other host sends: this host
 * is their origin, or their origin lost the bytes. A late delivery of an older version, or a
 * restored old file, can cause this. No delivery queue serves a file's own origin, so the entry
 * would stay pending. Only this host can see whether its disk or its `.syncmedia` has the bytes.
 */
export class RecheckOrigin implements LeaderJob {
  readonly name = 'checking own pending files';
  private after: Path | undefined;
  private nextAt = 0;

  constructor(
    private readonly context: Pick<LeaderContext, 'ledger' | 'me' | 'tuning' | 'recheckPaths'>,
  ) {}

  async pollThoroughly(): Promise<void> {
    if (performance.now() < this.nextAt) return;
    const { ledger, me, tuning } = this.context;
    const entries = await ledger.findPendingAtOrigin(me, batch, this.after);
    if (entries.length > 0) await this.context.recheckPaths(entries.map(({ path }) => path));
    this.after = entries.length < batch ? undefined : entries.at(-1)?.path;
    this.nextAt = performance.now() + tuning.recheckOriginMs;
  }
}
