import type { CappedCount, HostOverview, Need } from '../api/overview.js';
import { agree, formatFiles } from '../decisions/explain-host.js';

/** Says in one sentence whether everything is everywhere. Never better than the worst detail. */
export function makeHeadline(
  hosts: readonly HostOverview[],
  missing: CappedCount,
  needs: readonly Need[],
): string {
  const [only, ...others] = hosts;
  if (!only) return 'No machine is registered yet';
  const receiving = hosts.filter(
    ({ approval }) => approval === 'approved' || approval === 'paused',
  );
  const lacking = receiving.filter(lacksFiles).length;
  if (lacking > 0)
    return (
      `${String(lacking)} of ${String(receiving.length)} hosts ` +
      `${lacking === 1 ? 'lacks' : 'lack'} files`
    );
  if (missing.count > 0)
    return (
      `${missing.capped ? 'Over ' : ''}${formatFiles(missing.count)} ` +
      `${agree(missing.count)} on no host`
    );
  if (others.length === 0) return `${only.hostname} is alone: its files exist once`;
  if (needs.length > 0)
    return (
      `Every host has its files, but ${String(needs.length)} ` +
      `${needs.length === 1 ? 'thing needs' : 'things need'} you`
    );
  return 'Everything is everywhere';
}

/** Files that were saved within the last minute are on their way, and do not count. */
function lacksFiles({ state, pending, blocked }: HostOverview): boolean {
  return state !== 'up to date' && (state === 'filling' || pending.count > 0 || blocked > 0);
}
