import type { Entry, Facts, HostId, Seen, Standing } from '../words.js';

/**
 * What lies at a path, to its entry; `lost`: old, of a version that was replaced by a host that did not hold it; `redated`: the bytes of the
 * current version, with another date.
 */
export type FoundStanding = Standing | 'lost' | 'redated';

/** Stands for the stamp of a file that the app has removed from a host that held it. */
export const removedStamp = 'removed';

type Known = Facts & { readonly nanos?: number };

/** Whether size and mtime, all that a transfer carries, are the same; of the seconds SFTP carries 32 bits, also before 1970. */
export function haveSameFacts(a: Facts, b: Facts): boolean {
  return a.size === b.size && a.mtime >>> 0 === b.mtime >>> 0;
}

/**
 * Size and second can agree by chance. Where both contents are known they decide; else nanoseconds that differ and were not dropped
 * on the way speak against it, on the disk that captured them for certain, elsewhere only once the content was compared.
 */
function compare(known: Known, seen: Seen, onCapturingDisk: boolean): 'same' | 'other' | 'content decides' {
  if (!haveSameFacts(known, seen)) return 'other';
  if (known.sha256 !== undefined && seen.sha256 !== undefined) return known.sha256 === seen.sha256 ? 'same' : 'other';
  const nanosDiffer = seen.nanos !== 0 && known.nanos !== undefined && known.nanos !== 0 && known.nanos !== seen.nanos;
  if (!nanosDiffer) return 'same';
  if (known.sha256 !== undefined) return 'content decides';
  return onCapturingDisk ? 'other' : 'same';
}

/**
 * Whether the file at the path is another one, or was written to, since this host last knew that its bytes are those of the version.
 * Undefined: it never compared them, or cannot tell.
 */
export function hasChanged(entry: Entry, me: HostId, seen: Seen): boolean | undefined {
  const known = entry.stamps?.[me];
  return known === undefined || seen.stamp === undefined ? undefined : known !== seen.stamp;
}

/** When the file came to its path, or was last changed in any way, in milliseconds; undefined where its disk does not tell. */
export function changedAt({ stamp }: Seen): number | undefined {
  const ctime = stamp === undefined ? undefined : /^\d+ (\d+)$/.exec(stamp)?.[1];
  return ctime === undefined ? undefined : Number(BigInt(ctime) / 1_000_000n);
}

/** Whether bytes have the size and date of a version, as rotten ones have: what an app has written has its own, down to the fraction. */
export function looksKnown(entry: Entry | undefined, { size, mtime, nanos }: Seen, at: { onCapturingDisk: boolean }): boolean {
  const versions: Known[] = [...entry?.superseded ?? [], ...entry?.facts ? [entry.facts] : []];
  return versions.some((known) => compare(known, { size, mtime, nanos }, at.onCapturingDisk) === 'same');
}

/**
 * What `seen` is to `entry`. Undefined means that facts cannot tell: hash the bytes and ask again with their sha256.
 * `surely` asks for the content wherever the entry knows it, as before something is put back.
 */
export function findStanding(
  entry: Entry | undefined, seen: Seen | undefined, at: { onCapturingDisk: boolean; surely?: boolean },
): FoundStanding | undefined {
  if (!seen) return 'absent';
  if (!entry) return 'unknown';
  const versions: { standing: FoundStanding; known: Known }[] =
    entry.superseded.map((known) => ({ standing: known.lost ? 'lost' as const : 'old' as const, known })).reverse();
  if (entry.facts) versions.unshift({ standing: 'current', known: entry.facts });
  const answers = versions.map(({ standing, known }) => ({ standing, known, answer: compare(known, seen, at.onCapturingDisk) }));
  const possible = answers.filter(({ answer }) => answer !== 'other');
  if (possible.length === 0) return findRedated(entry.facts, seen);
  const contentKnown = possible.some(({ known }) => known.sha256 !== undefined);
  const unsure = possible.length > 1 || at.surely === true || possible.some(({ answer }) => answer === 'content decides');
  if (unsure && contentKnown && seen.sha256 === undefined) return undefined;
  return possible[0]?.standing;
}

/** A deploy, a copy or a second upload gives the same bytes another date: only the content tells. */
function findRedated(current: Facts | undefined, seen: Seen): 'redated' | 'unknown' | undefined {
  if (current?.sha256 === undefined || current.size !== seen.size || haveSameFacts(current, seen)) return 'unknown';
  if (seen.sha256 === undefined) return undefined;
  return seen.sha256 === current.sha256 ? 'redated' : 'unknown';
}
