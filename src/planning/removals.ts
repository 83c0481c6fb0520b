/** More than this share of a sync dir's files, and more than this many, within one window wait for a person. */
export const removalLimits = { share: 0.25, files: 20, windowMs: 10 * 60_000 };

/**
 * Whether so many removals are suspicious: an emptied directory looks like that, and so does a mistaken query. Decided once, when
 * tombstones are recorded; the idea is Mutagen's halt on a root emptied.
 */
export function isSuspicious(counts: { wanted: number; lately: number; files: number }, limits = removalLimits): boolean {
  const removed = counts.wanted + counts.lately;
  return removed > limits.files && removed > limits.share * (counts.files + counts.lately);
}

/** When to look again at a candidate that is this old: soon at first, since apps unlink right after the delete. */
export function nextLook(ageMs: number): number {
  return Math.min(60_000, Math.max(1_000, ageMs));
}
