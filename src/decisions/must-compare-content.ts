import type { Entry, HostId, Seen } from '../model/words.js';
import { changedAt, hasChanged } from './file-state.js';

interface Look {
  readonly entry: Entry | undefined;
  readonly seen: Seen | undefined;
  readonly me: HostId;
  readonly why: 'named' | 'scan';
}

/** How long before a save its application may have written the file, in milliseconds. */
const writtenMs = 24 * 60 * 60_000;

/**
 * Whether the content must be read to find the state of a file, though its size and date are
 * those of a version. They can agree by chance, down to the fraction, and programs set dates
 * back. 'sparingly' means: within the limits of a scan.
 * @param savedAt when the save that names the path began
 */
export function mustCompare({
  entry,
  seen,
  me,
  why,
  savedAt,
}: Look & { readonly savedAt: Date }): boolean | 'sparingly' {
  if (!entry || !seen) return false;
  // A removal compares contents again when it resolves what it took. It would put a file back
  // that only looks like the deleted one, each time.
  if (entry.kind === 'tombstone') return true;
  const isHeld = entry.heldBy.includes(me),
    changed = hasChanged(entry, me, seen);
  // A named file is the version only if its content is, unless its stamp shows that nobody
  // touched it since this host compared. If this host never compared, a file untouched for long
  // came by a delivery: other bytes would be rot, which must not become a version.
  if (why === 'named') return !isHeld || (changed ?? isWrittenFor(seen, savedAt));
  return isHeld && changed === true ? 'sparingly' : false;
}

/**
 * Whether a save names a file that was changed since its capture, while the content of the
 * version is not known. Such a file is another version.
 */
export function isRewritten({ entry, seen, me, why }: Look): boolean {
  return (
    why === 'named' &&
    entry?.facts !== undefined &&
    entry.facts.sha256 === undefined &&
    seen !== undefined &&
    entry.heldBy.includes(me) &&
    hasChanged(entry, me, seen) === true
  );
}

function isWrittenFor(seen: Seen, savedAt: Date): boolean {
  const since = changedAt(seen);
  return since === undefined || since > savedAt.getTime() - writtenMs;
}
