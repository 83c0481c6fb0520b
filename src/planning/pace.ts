/** What was done of a run by a moment, in milliseconds on a clock that only goes forward. */
export interface Mark { readonly at: number; readonly files: number; readonly bytes: number }

/**
 * How fast it goes between the first and the last mark, and how many seconds the rest takes at that pace: by bytes or by files, what
 * takes longer, because many small files are slow whatever their bytes. Undefined where nothing was done in between.
 */
export function estimatePace(marks: readonly Mark[], found: { files: number; bytes: number }): { bytesPerSecond: number; secondsLeft: number } | undefined {
  const [first, last] = [marks[0], marks[marks.length - 1]];
  if (!first || !last || last.at <= first.at) return undefined;
  const seconds = (last.at - first.at) / 1000;
  const files = last.files - first.files, bytes = last.bytes - first.bytes;
  if (files + bytes <= 0) return undefined;
  const byFiles = files > 0 ? (found.files - last.files) / files * seconds : 0;
  const byBytes = bytes > 0 ? (found.bytes - last.bytes) / bytes * seconds : 0;
  return { bytesPerSecond: Math.round(bytes / seconds), secondsLeft: Math.max(0, Math.round(Math.max(byFiles, byBytes))) };
}
