import type { LeaderContext } from '../../context/leader-context.js';
import type { Entry } from '../../model/entry.js';
import type { HostId } from '../../model/host.js';
import type { LeaderJob } from '../leader-job.js';

/** Entries read at once. */
const batch = 500;

/** The job that takes over entries whose origin is gone or has lost the bytes. */
export class TakeOver implements LeaderJob {
  readonly name = 'taking over entries of hosts that are gone';
  private readonly ending = new AbortController();

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'ledger' | 'me' | 'enqueue' | 'registry' | 'heartbeats'
    >,
  ) {}

  async pollThoroughly(): Promise<void> {
    const { registry, heartbeats } = this.context;
    // Other hosts must not get the files of a host that is not ready.
    if (registry.me().readyAt === undefined) return;
    const gone = heartbeats.listGone(registry.all());
    await takeOverOrphaned(this.context, gone, this.ending.signal);
  }

  close(): Promise<void> {
    this.ending.abort();
    return Promise.resolve();
  }
}

/**
 * Makes this host the origin of entries that it holds and whose origin is gone or has lost the
 * bytes. Of several holders one gets an entry, because the write is fenced by the origin that was
 * read.
 */
export async function takeOverOrphaned(
  context: Pick<LeaderContext, 'ledger' | 'me' | 'enqueue'>,
  gone: readonly HostId[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger, me } = context;
  for (;;) {
    const orphans = await ledger.findForTakeOver(me, gone, batch);
    const takenOver: Entry[] = [];
    for (const entry of orphans) {
      if (signal.aborted) return;
      if (await ledger.takeOver(entry, me)) takenOver.push({ ...entry, origin: me });
    }
    context.enqueue(takenOver);
    if (orphans.length < batch || takenOver.length === 0) return;
  }
}
