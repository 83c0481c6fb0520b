/** The progress of a run at a moment, in milliseconds of a monotonic clock. */
export interface ProgressMark {
  readonly at: number;
  readonly files: number;
  readonly bytes: number;
}

/**
 * The rate between the first and the last mark, and the remaining seconds at that rate. The
 * slower of bytes and files counts, because many small files are slow regardless of their size.
 * Undefined if nothing was done between the marks.
 */
export function estimatePace(
  marks: readonly ProgressMark[],
  found: { files: number; bytes: number },
): { bytesPerSecond: number; secondsLeft: number } | undefined {
  const [first, last] = [marks[0], marks[marks.length - 1]];
  if (!first || !last || last.at <= first.at) return undefined;
  const seconds = (last.at - first.at) / 1000;
  const files = last.files - first.files,
    bytes = last.bytes - first.bytes;
  if (files + bytes <= 0) return undefined;
  const byFiles = files > 0 ? ((found.files - last.files) / files) * seconds : 0;
  const byBytes = bytes > 0 ? ((found.bytes - last.bytes) / bytes) * seconds : 0;
  return {
    bytesPerSecond: Math.round(bytes / seconds),
    secondsLeft: Math.max(0, Math.round(Math.max(byFiles, byBytes))),
  };
}
