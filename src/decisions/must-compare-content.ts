import type { Entry } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { LocalFileInfo } from '../model/file.js';
import { readChangeTime, hasChangedSinceCompared } from './file-state.js';

interface CompareSituation {
  readonly entry: Entry | undefined;
  readonly info: LocalFileInfo | undefined;
  readonly me: HostId;
  readonly why: 'named' | 'scan';
}

/** How long before a save its application may have written the file, in milliseconds. */
const recentWriteMs = 24 * 60 * 60_000;

/**
 * Whether the content must be read to find the state of a file, though its size and date are
 * those of a version. They can agree by chance, down to the fraction, and programs set dates
 * back. 'sparingly' means: within the limits of a scan.
 * @param savedAt when the save that names the path began
 */
export function mustCompareContent({
  entry,
  info,
  me,
  why,
  savedAt,
}: CompareSituation & { readonly savedAt: Date }): boolean | 'sparingly' {
  if (!entry || !info) return false;
  // A removal compares contents again when it resolves what it took. It would put a file back
  // that only looks like the deleted one, each time.
  if (entry.kind === 'tombstone') return true;
  const isHeld = entry.heldBy.includes(me),
    changed = hasChangedSinceCompared(entry, me, info);
  // A named file is the version only if its content is, unless its stamp shows that nobody
  // touched it since this host compared. If this host never compared, a file untouched for long
  // came by a delivery: other bytes would be rot, which must not become a version.
  if (why === 'named') return !isHeld || (changed ?? isWrittenRecently(info, savedAt));
  return isHeld && changed === true ? 'sparingly' : false;
}

/**
 * Whether a save names a file that was changed since its capture, while the content of the
 * version is not known. Such a file is another version.
 */
export function isRewritten({ entry, info, me, why }: CompareSituation): boolean {
  return (
    why === 'named' &&
    entry?.info !== undefined &&
    entry.info.sha256 === undefined &&
    info !== undefined &&
    entry.heldBy.includes(me) &&
    hasChangedSinceCompared(entry, me, info) === true
  );
}

function isWrittenRecently(info: LocalFileInfo, savedAt: Date): boolean {
  const since = readChangeTime(info);
  return since === undefined || since > savedAt.getTime() - recentWriteMs;
}
