export const DAY_MS = 24 * 60 * 60_000;

/**
 * In milliseconds. The clocks of two hosts, or a file's date and this host's clock, may differ by
 * this much.
 */
export const CLOCK_SKEW_MS = 60_000;

/** Formats the day of a time (UTC), such as `2026-11-28`. */
export function formatDay(time: Date): string {
  return time.toISOString().slice(0, 10);
}
