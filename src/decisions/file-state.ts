import type { Entry } from '../model/entry.js';
import type { FileInfo, LocalFileInfo } from '../model/file.js';
import type { HostId } from '../model/host.js';

/**
 * The state of the file at a path, compared with its entry. `conflicting`: a superseded version
 * whose successor came from a host that did not hold it. `redated`: the bytes of the current
 * version with another date.
 */
export type FileState = 'current' | 'superseded' | 'conflicting' | 'redated' | 'unknown' | 'absent';

/** Replaces the stamp of a file that the app has removed from a host that held it. */
export const removedStamp = 'removed';

type KnownVersion = FileInfo & { readonly nanos?: number };

/**
 * Whether size and mtime are the same, which is all that a transfer carries. SFTP carries 32 bits
 * of the seconds, also before 1970.
 */
export function haveSameSizeAndTime(a: FileInfo, b: FileInfo): boolean {
  return a.size === b.size && a.mtime >>> 0 === b.mtime >>> 0;
}

/**
 * Compares a file with a version. Size and second can agree by chance. If both contents are
 * known, they decide. Otherwise nanoseconds that differ, and were not dropped by a transfer,
 * speak against the version. That is certain on the disk that captured it; elsewhere the content
 * must be compared.
 */
function compareWithVersion(
  known: KnownVersion,
  info: LocalFileInfo,
  onCapturingDisk: boolean,
): 'same' | 'other' | 'content decides' {
  if (!haveSameSizeAndTime(known, info)) return 'other';
  if (known.sha256 !== undefined && info.sha256 !== undefined)
    return known.sha256 === info.sha256 ? 'same' : 'other';
  const nanosDiffer =
    info.nanos !== 0 &&
    known.nanos !== undefined &&
    known.nanos !== 0 &&
    known.nanos !== info.nanos;
  if (!nanosDiffer) return 'same';
  if (known.sha256 !== undefined) return 'content decides';
  return onCapturingDisk ? 'other' : 'same';
}

/**
 * Whether the file was replaced or written since this host last knew that its bytes are those of
 * the version. Undefined if this host never compared them, or the disk shows no stamp.
 */
export function hasChangedSinceCompared(
  entry: Entry,
  me: HostId,
  info: LocalFileInfo,
): boolean | undefined {
  const known = entry.stamps?.[me];
  return known === undefined || info.stamp === undefined ? undefined : known !== info.stamp;
}

/**
 * When the file came to its path or was last changed in any way, in milliseconds. Undefined if
 * its disk does not tell.
 */
export function readChangeTime({ stamp }: LocalFileInfo): number | undefined {
  const ctime = stamp === undefined ? undefined : /^\d+ (\d+)$/.exec(stamp)?.[1];
  return ctime === undefined ? undefined : Number(BigInt(ctime) / 1_000_000n);
}

/** In milliseconds. A file written within this time before it was named is most likely new. */
const freshMs = 60_000;

/** Whether the file was written a moment ago, by its date. */
export function isFreshFile({ mtime }: FileInfo, now: number): boolean {
  return now - mtime * 1000 <= freshMs;
}

/**
 * Whether bytes have the size and date of a version, as rotten bytes have. A file that an app
 * wrote has its own date, down to the fraction.
 */
export function looksLikeVersion(
  entry: Entry | undefined,
  { size, mtime, nanos }: LocalFileInfo,
  at: { onCapturingDisk: boolean },
): boolean {
  const versions: KnownVersion[] = [
    ...(entry?.superseded ?? []),
    ...(entry?.info ? [entry.info] : []),
  ];
  return versions.some(
    (known) => compareWithVersion(known, { size, mtime, nanos }, at.onCapturingDisk) === 'same',
  );
}

/**
 * The state of a file compared with its entry. Undefined means that size and date cannot decide:
 * hash the bytes and call again with their sha256. `surely` requires the content wherever the
 * entry knows it, for example before a file is put back.
 */
export function findFileState(
  entry: Entry | undefined,
  info: LocalFileInfo | undefined,
  at: { onCapturingDisk: boolean; surely?: boolean },
): FileState | undefined {
  if (!info) return 'absent';
  if (!entry) return 'unknown';
  const versions: { state: FileState; known: KnownVersion }[] = entry.superseded
    .map((known) => ({
      state: known.conflicting ? ('conflicting' as const) : ('superseded' as const),
      known,
    }))
    .reverse();
  if (entry.info) versions.unshift({ state: 'current', known: entry.info });
  const answers = versions.map(({ state, known }) => ({
    state,
    known,
    answer: compareWithVersion(known, info, at.onCapturingDisk),
  }));
  const possible = answers.filter(({ answer }) => answer !== 'other');
  if (possible.length === 0) return findRedated(entry.info, info);
  const contentKnown = possible.some(({ known }) => known.sha256 !== undefined);
  const needsContent =
    possible.length > 1 ||
    at.surely === true ||
    possible.some(({ answer }) => answer === 'content decides');
  if (needsContent && contentKnown && info.sha256 === undefined) return undefined;
  return possible[0]?.state;
}

/**
 * A deploy, a copy or a second upload gives the same bytes another date. Only the content shows
 * that.
 */
function findRedated(
  current: FileInfo | undefined,
  info: LocalFileInfo,
): 'redated' | 'unknown' | undefined {
  if (
    current?.sha256 === undefined ||
    current.size !== info.size ||
    haveSameSizeAndTime(current, info)
  )
    return 'unknown';
  if (info.sha256 === undefined) return undefined;
  return info.sha256 === current.sha256 ? 'redated' : 'unknown';
}
