/**
 * The minimum speed of a source, in bytes per second. The first `graceMs` milliseconds do not
 * count.
 */
export interface PaceLimits {
  readonly graceMs: number;
  readonly bytesPerSecond: number;
  /**
   * The minimum while no visitor reads the file: a delivery brings it sooner than a slower fetch.
   */
  readonly unreadBytesPerSecond: number;
}

/**
 * Whether a fetch is too slow to keep its slot.
 *
 * The average since its start counts. So a pause does not end a fetch that was fast before, and a
 * file of a given size must be complete by a given time.
 */
export function isTooSlow(
  fetched: { readonly bytes: number; readonly ms: number; readonly isRead: boolean },
  limits: PaceLimits,
): boolean {
  const least = fetched.isRead ? limits.bytesPerSecond : limits.unreadBytesPerSecond;
  return fetched.bytes < ((fetched.ms - limits.graceMs) / 1_000) * least;
}
