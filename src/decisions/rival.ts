/** A heartbeat of the process that leads, and when this process first saw it. */
export interface Rival {
  readonly leader: string;
  readonly beat: number;
  readonly since: number;
}

/**
 * How a process that wants the lease sees the leader. `now` is its own monotonic clock.
 *
 * wait: the leader may work. take: the leader has not beaten for the lease time. cloned: the
 * leader beats on another machine.
 */
export function assessRival(
  before: Rival | undefined,
  { leader, beat }: { leader: string; beat: number },
  at: { now: number; leaseMs: number; bootId: string },
): { decision: 'wait' | 'take' | 'cloned'; rival: Rival } {
  if (before?.leader === leader && before.beat === beat)
    return { decision: at.now - before.since >= at.leaseMs ? 'take' : 'wait', rival: before };
  const rival = { leader, beat, since: at.now };
  // The counter moved while this process watched, so the leader is alive.
  return {
    decision: before?.leader === leader && leader.split(':')[0] !== at.bootId ? 'cloned' : 'wait',
    rival,
  };
}
