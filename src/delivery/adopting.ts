import type { Ledger } from '../ledger/ledger.js';
import type { Entry, HostId } from '../words.js';

/** Entries read at once. */
const batch = 500;

/**
 * This host, as a holder, becomes the sender of what a host that is gone, or has lost the bytes, still had to deliver. Of several holders
 * one gets an entry: the write names the sender that was read.
 */
export async function adoptOrphans(
  context: { ledger: Ledger; me: HostId; offer(entries: readonly Entry[]): void }, gone: readonly HostId[], signal: AbortSignal,
): Promise<void> {
  const { ledger, me } = context;
  for (;;) {
    const orphans = await ledger.adoptable(me, gone, batch);
    const adopted: Entry[] = [];
    for (const entry of orphans) {
      if (signal.aborted) return;
      if (await ledger.adopt(entry, me)) adopted.push({ ...entry, sender: me });
    }
    context.offer(adopted);
    if (orphans.length < batch || adopted.length === 0) return;
  }
}
