import type { Ledger } from '../../ledger/ledger.js';
import type { Entry, HostId } from '../../model/words.js';

/** Entries read at once. */
const batch = 500;

/**
 * Makes this host the origin of entries that it holds and whose origin is gone or has lost the
 * bytes. Of several holders one gets an entry, because the write is fenced by the origin that was
 * read.
 */
export async function takeOverOrphaned(
  context: { ledger: Ledger; me: HostId; enqueue(entries: readonly Entry[]): void },
  gone: readonly HostId[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger, me } = context;
  for (;;) {
    const orphans = await ledger.findOrphaned(me, gone, batch);
    const takenOver: Entry[] = [];
    for (const entry of orphans) {
      if (signal.aborted) return;
      if (await ledger.takeOver(entry, me)) takenOver.push({ ...entry, origin: me });
    }
    context.enqueue(takenOver);
    if (orphans.length < batch || takenOver.length === 0) return;
  }
}
