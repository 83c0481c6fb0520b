/**
 * More removals than this share of a sync dir's files, and more than this number, within one
 * window wait for a person.
 */
export const removalLimits = { share: 0.25, files: 20, windowMs: 10 * 60_000 };

/**
 * Whether so many removals are suspicious. An emptied directory causes that, and so does a
 * mistaken query. It is decided once, when tombstones are recorded. The idea is Mutagen's halt if
 * a root was emptied.
 */
export function areRemovalsSuspicious(
  counts: { wanted: number; lately: number; files: number },
  limits = removalLimits,
): boolean {
  const removed = counts.wanted + counts.lately;
  return removed > limits.files && removed > limits.share * (counts.files + counts.lately);
}

/** With so many files, so many removals are not suspicious. Counting may stop there. */
export function computeEnoughFiles(removed: number, limits = removalLimits): number {
  return Math.ceil(removed / limits.share);
}

/**
 * When to check a candidate of this age again. The first checks follow quickly, because apps
 * unlink right after the delete.
 */
export function computeRecheckDelay(ageMs: number): number {
  return Math.min(60_000, Math.max(1_000, ageMs));
}
