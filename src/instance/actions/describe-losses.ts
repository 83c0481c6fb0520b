import type { CappedCount } from '../../api/overview.js';
import type { HostChangePreview } from '../../api/reports.js';
import type { Path } from '../../model/path.js';
import { listFirst } from '../../util/list-first.js';

/** What the site would lose if a host left now. */
export interface Losses extends Pick<HostChangePreview, 'onlyHere' | 'captures'> {
  /** Files in `.syncmedia` of its sync dirs, as far as this machine knows. */
  readonly conflicts: number;
  readonly replaced: number;
  /** Sync dirs that it has still to scan, for files that were written beside a save. */
  readonly rescans: readonly Path[];
}

/** A message names at most this many paths. */
const maxPathsShown = 5;

/**
 * `2 files are on no other host that is up and stays (a.jpg, b.jpg), and 1 save is not recorded
 * yet`; empty if the site would lose nothing.
 */
export function describeLosses(losses: Losses): string {
  const { onlyHere, captures, conflicts, replaced, rescans } = losses;
  const parts = [
    onlyHere.count > 0 &&
      `${countOf(onlyHere, 'file is', 'files are')} on no other host that is up and stays ` +
        `(${listFirst(onlyHere.paths, maxPathsShown)})`,
    captures.count > 0 && `${countOf(captures, 'save is', 'saves are')} not recorded yet`,
    rescans.length > 0 &&
      `files that were written beside a save are not looked for yet in ` +
        listFirst(rescans, maxPathsShown),
    conflicts > 0 &&
      `${countOf({ count: conflicts }, 'conflict is', 'conflicts are')} not decided ` +
        '(`syncmedia conflicts`)',
    replaced > 0 &&
      `${countOf({ count: replaced }, 'replaced file is', 'replaced files are')} not resolved`,
  ];
  return parts.filter((part) => part !== false).join(', and ');
}

function countOf(
  { count, capped = false }: Pick<CappedCount, 'count'> & Partial<CappedCount>,
  one: string,
  many: string,
): string {
  return `${capped ? 'over ' : ''}${String(count)} ${count === 1 ? one : many}`;
}
