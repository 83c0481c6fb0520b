import { formatDay } from '../model/clock.js';
import type { Entry } from '../model/entry.js';
import type { Host } from '../model/host.js';

/**
 * Whether the history may lack a version that is replaced now, or may remove it before its time.
 * A history keeps each version for some days after its record. So only one that was recorded today
 * (UTC) is certain to be kept for as long as it has to be.
 *
 * @param capturer the host that captured the version; once it keeps a history, it records its own
 *   captures
 */
export function mayLackVersion(
  { capturedAt }: Pick<Entry, 'capturedAt'>,
  capturer: Pick<Host, 'history'> | undefined,
  now: Date,
): boolean {
  const since = capturer?.history?.adoption?.since;
  return since === undefined || capturedAt < since || formatDay(capturedAt) !== formatDay(now);
}
