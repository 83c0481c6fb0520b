/** What a source may take its time for. Bytes per second, and milliseconds at the beginning that do not count. */
export interface PaceLimits {
  readonly graceMs: number;
  readonly bytesPerSecond: number;
  /** The same where no visitor reads it: a delivery brings it sooner. */
  readonly unreadBytesPerSecond: number;
}

/**
 * Whether a fetch is too slow to keep its slot. The whole time counts, not only the last moment: a file of a given size has to be complete by a
 * given time, and a line that stands still for a while does not break a fetch that was quick before.
 */
export function isTooSlow(fetched: { readonly bytes: number; readonly ms: number; readonly isRead: boolean }, limits: PaceLimits): boolean {
  const least = fetched.isRead ? limits.bytesPerSecond : limits.unreadBytesPerSecond;
  return fetched.bytes < (fetched.ms - limits.graceMs) / 1_000 * least;
}
