/** A heartbeat of the process that leads, and when this process first saw it. */
export interface Rival {
  readonly holder: string;
  readonly beat: number;
  readonly since: number;
}

/**
 * How a process that wants the lease sees the leader. `now` is its own monotonic clock.
 *
 * wait: the leader may work. take: the leader has not beaten for the lease time. cloned: the
 * leader beats on another machine.
 */
export function judgeRival(
  before: Rival | undefined,
  { holder, beat }: { holder: string; beat: number },
  at: { now: number; leaseMs: number; bootId: string },
): { verdict: 'wait' | 'take' | 'cloned'; rival: Rival } {
  if (before?.holder === holder && before.beat === beat)
    return { verdict: at.now - before.since >= at.leaseMs ? 'take' : 'wait', rival: before };
  const rival = { holder, beat, since: at.now };
  // The counter moved while this process watched, so the leader is alive.
  return {
    verdict: before?.holder === holder && holder.split(':')[0] !== at.bootId ? 'cloned' : 'wait',
    rival,
  };
}
