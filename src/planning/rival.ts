/** A beat of the process that holds the lease, as first seen, and when. */
export interface Rival { readonly holder: string; readonly beat: number; readonly since: number }

/**
 * What a process that wants the lease makes of the one that has it. `now` is its own monotonic clock.
 *
 * wait; take: the holder has not beaten for the lease time; cloned: it beats, on a machine other than this one.
 */
export function judgeRival(
  before: Rival | undefined, { holder, beat }: { holder: string; beat: number }, at: { now: number; leaseMs: number; bootId: string },
): { verdict: 'wait' | 'take' | 'cloned'; rival: Rival } {
  if (before?.holder === holder && before.beat === beat) return { verdict: at.now - before.since >= at.leaseMs ? 'take' : 'wait', rival: before };
  const rival = { holder, beat, since: at.now };
  // It has beaten while this process looked, so it is alive.
  return { verdict: before?.holder === holder && holder.split(':')[0] !== at.bootId ? 'cloned' : 'wait', rival };
}
