import type { LeaderHint } from './wake-socket.js';

/**
 * One kind of work that the leader of a host does for as long as it leads. The leader calls all
 * methods but `close` in the order of the list in `jobs/list.ts`, each after the one before has
 * resolved.
 */
export interface LeaderJob {
  /** What the job does, as the log says it where the job fails: "announcing new hosts". */
  readonly name: string;
  /** Called once. If it rejects, this process does not lead, and tries again. */
  start?(): void | Promise<void>;
  /** Called every few seconds, after the hosts were read. If it rejects, the poll ends. */
  poll?(): void | Promise<void>;
  /**
   * Called in fewer polls, after all jobs have polled: finds everything whose hint was lost. Also
   * called soon after a host changed.
   */
  pollThoroughly?(): void | Promise<void>;
  /** Whether the job has dropped hints, so that the next thorough poll is due at once. */
  readonly isBehind?: boolean;
  /** Takes its part of a hint. Returns false if it cannot any more. */
  handleHint?(hint: LeaderHint): boolean;
  /** Ends everything that the job has started. All jobs close at the same time. */
  close?(): Promise<void>;
}
