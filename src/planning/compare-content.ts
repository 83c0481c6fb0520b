import type { Entry, HostId, Seen } from '../words.js';
import { changedAt, hasChanged } from './standing.js';

interface Look { readonly entry: Entry | undefined; readonly seen: Seen | undefined; readonly me: HostId; readonly why: 'named' | 'scan' }

/** What an operation that names a file has written was changed no longer than this before it. In milliseconds. */
const writtenMs = 24 * 60 * 60_000;

/**
 * Whether a file has to be read to know what it is to its entry, though its size and date are those of a version: they can agree by chance,
 * down to the fraction, and programs set dates back. 'sparingly': as far as a scan may read.
 * @param savedAt when the save that names the path began
 */
export function mustCompare({ entry, seen, me, why, savedAt }: Look & { readonly savedAt: Date }): boolean | 'sparingly' {
  if (!entry || !seen) return false;
  // Judging compares what a removal takes, and would put back what only looks like the deleted file, again at every look.
  if (entry.kind === 'tombstone') return true;
  const isHeld = entry.heldBy.includes(me), changed = hasChanged(entry, me, seen);
  // What a save names is the version only if its content is, unless nobody has touched the file since this host knew that. Where this host never
  // knew, a file that nobody has touched for long is what a delivery brought: other bytes would be rot, and must become no version.
  if (why === 'named') return !isHeld || (changed ?? isWrittenFor(seen, savedAt));
  return isHeld && changed === true ? 'sparingly' : false;
}

/** Nobody knows the content of the version yet, and a save names a file that was changed since it was captured: that is another version. */
export function isRewritten({ entry, seen, me, why }: Look): boolean {
  return why === 'named' && entry?.facts !== undefined && entry.facts.sha256 === undefined && seen !== undefined
    && entry.heldBy.includes(me) && hasChanged(entry, me, seen) === true;
}

function isWrittenFor(seen: Seen, savedAt: Date): boolean {
  const since = changedAt(seen);
  return since === undefined || since > savedAt.getTime() - writtenMs;
}
