import type { Entry, Facts, HostId, Seen, Standing } from '../model/words.js';

/**
 * The state of the file at a path, compared with its entry. `lost`: a superseded version
 * whose successor came from a host that did not hold it. `redated`: the bytes of the current
 * version with another date.
 */
export type FoundStanding = Standing | 'lost' | 'redated';

/** Replaces the stamp of a file that the app has removed from a host that held it. */
export const removedStamp = 'removed';

type Known = Facts & { readonly nanos?: number };

/**
 * Whether size and mtime are the same, which is all that a transfer carries. SFTP carries 32 bits
 * of the seconds, also before 1970.
 */
export function haveSameFacts(a: Facts, b: Facts): boolean {
  return a.size === b.size && a.mtime >>> 0 === b.mtime >>> 0;
}

/**
 * Compares a file with a version. Size and second can agree by chance. If both contents are
 * known, they decide. Otherwise nanoseconds that differ, and were not dropped by a transfer,
 * speak against the version. That is certain on the disk that captured it; elsewhere the content
 * must be compared.
 */
function compare(
  known: Known,
  seen: Seen,
  onCapturingDisk: boolean,
): 'same' | 'other' | 'content decides' {
  if (!haveSameFacts(known, seen)) return 'other';
  if (known.sha256 !== undefined && seen.sha256 !== undefined)
    return known.sha256 === seen.sha256 ? 'same' : 'other';
  const nanosDiffer =
    seen.nanos !== 0 &&
    known.nanos !== undefined &&
    known.nanos !== 0 &&
    known.nanos !== seen.nanos;
  if (!nanosDiffer) return 'same';
  if (known.sha256 !== undefined) return 'content decides';
  return onCapturingDisk ? 'other' : 'same';
}

/**
 * Whether the file was replaced or written since this host last knew that its bytes are those of
 * the version. Undefined if this host never compared them, or the disk shows no stamp.
 */
export function hasChanged(entry: Entry, me: HostId, seen: Seen): boolean | undefined {
  const known = entry.stamps?.[me];
  return known === undefined || seen.stamp === undefined ? undefined : known !== seen.stamp;
}

/**
 * When the file came to its path or was last changed in any way, in milliseconds. Undefined if
 * its disk does not tell.
 */
export function changedAt({ stamp }: Seen): number | undefined {
  const ctime = stamp === undefined ? undefined : /^\d+ (\d+)$/.exec(stamp)?.[1];
  return ctime === undefined ? undefined : Number(BigInt(ctime) / 1_000_000n);
}

/**
 * Whether bytes have the size and date of a version, as rotten bytes have. A file that an app
 * wrote has its own date, down to the fraction.
 */
export function looksKnown(
  entry: Entry | undefined,
  { size, mtime, nanos }: Seen,
  at: { onCapturingDisk: boolean },
): boolean {
  const versions: Known[] = [...(entry?.superseded ?? []), ...(entry?.facts ? [entry.facts] : [])];
  return versions.some(
    (known) => compare(known, { size, mtime, nanos }, at.onCapturingDisk) === 'same',
  );
}

/**
 * The state of a file compared with its entry. Undefined means that size and date cannot decide:
 * hash the bytes and call again with their sha256. `surely` requires the content wherever the
 * entry knows it, for example before a file is put back.
 */
export function findStanding(
  entry: Entry | undefined,
  seen: Seen | undefined,
  at: { onCapturingDisk: boolean; surely?: boolean },
): FoundStanding | undefined {
  if (!seen) return 'absent';
  if (!entry) return 'unknown';
  const versions: { standing: FoundStanding; known: Known }[] = entry.superseded
    .map((known) => ({ standing: known.lost ? ('lost' as const) : ('old' as const), known }))
    .reverse();
  if (entry.facts) versions.unshift({ standing: 'current', known: entry.facts });
  const answers = versions.map(({ standing, known }) => ({
    standing,
    known,
    answer: compare(known, seen, at.onCapturingDisk),
  }));
  const possible = answers.filter(({ answer }) => answer !== 'other');
  if (possible.length === 0) return findRedated(entry.facts, seen);
  const contentKnown = possible.some(({ known }) => known.sha256 !== undefined);
  const unsure =
    possible.length > 1 ||
    at.surely === true ||
    possible.some(({ answer }) => answer === 'content decides');
  if (unsure && contentKnown && seen.sha256 === undefined) return undefined;
  return possible[0]?.standing;
}

/**
 * A deploy, a copy or a second upload gives the same bytes another date. Only the content shows
 * that.
 */
function findRedated(current: Facts | undefined, seen: Seen): 'redated' | 'unknown' | undefined {
  if (current?.sha256 === undefined || current.size !== seen.size || haveSameFacts(current, seen))
    return 'unknown';
  if (seen.sha256 === undefined) return undefined;
  return seen.sha256 === current.sha256 ? 'redated' : 'unknown';
}
