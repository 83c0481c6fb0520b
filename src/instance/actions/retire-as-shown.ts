import { digestHost } from '../../api/describe-host.js';
import type { CappedCount } from '../../api/overview.js';
import type { ShownHost } from '../../api/requests.js';
import { makeHostChangedError } from '../../hosts/approve.js';
import { readBeforeLeaving, whileLeaving } from '../../hosts/leaving.js';
import { unregisterHost } from '../../hosts/unregister.js';
import { SyncMediaError } from '../../model/errors.js';
import type { Host } from '../../model/host.js';
import { describeLosses, type Losses } from './describe-losses.js';
import { findLosses, maxCount, type LossSources } from './find-losses.js';

/**
 * Retires a host if it is still as it was shown before somebody decided so. Without conditions a
 * person gives up the files that only this host has.
 *
 * @throws HOST_CHANGED, CHANGED, TIMED_OUT; HOST_RETIRED as `unregisterHost` does
 */
export async function retireAsShown(
  site: LossSources,
  host: Host,
  shown: ShownHost,
): Promise<Host> {
  const { digest, onlyHere, safe = false, scanned = {} } = shown;
  if (digest !== undefined && digest !== digestHost(host)) throw makeHostChangedError(host);
  const terms = { digest, ...(safe && { scanned }) };
  if ((onlyHere === undefined && !safe) || host.status === 'retired')
    return unregisterHost(site.deps, host, terms);
  return whileLeaving(site.deps, host.id, async (mark) => {
    const reading = await readBeforeLeaving(site.deps, host.id);
    const now = reading.hosts.find(({ id }) => id === host.id) ?? host;
    const losses = await findLosses(site, now, reading, scanned);
    if (safe) requireNoLoss(host, losses);
    if (onlyHere !== undefined) requireCount(host, losses.onlyHere, onlyHere);
    return unregisterHost(site.deps, host, { ...terms, mark });
  });
}

function requireNoLoss({ hostname }: Host, losses: Losses): void {
  const loses = describeLosses(losses);
  if (loses !== '')
    throw new SyncMediaError(
      'CHANGED',
      `${hostname} was not unregistered: ${loses}. Start it, so that the others get them, or ` +
        `give them up with \`syncmedia unregister ${hostname}\``,
    );
}

function requireCount({ hostname }: Host, { count, capped }: CappedCount, shown: number): void {
  if (count === shown) return;
  const counted = capped ? `over ${String(maxCount)}` : String(count);
  throw new SyncMediaError(
    'CHANGED',
    `${hostname} now has ${counted} files that no other host has which is up and stays, and not ` +
      `${String(shown)}: look at them again, then decide`,
  );
}
