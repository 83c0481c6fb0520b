import type { Need } from '../api/overview.js';
import { countSeconds } from '../decisions/host-state.js';
import { shortenMessage, type DescribedHost } from './describe-hosts.js';

/** A failure that is younger, in seconds, may resolve itself. */
const failingFor = 60;

/** What a history that keeps failing needs. */
export function listHistoryNeeds({ host, overview }: DescribedHost, now: Date): Need[] {
  const { failure, failingSince } = host.history ?? {};
  const since = failingSince && countSeconds(failingSince, now);
  if (!failure || since === undefined || since < failingFor) return [];
  const { hostname } = overview;
  return [
    {
      id: `history ${hostname}`,
      kind: 'history',
      host: hostname,
      title: `${hostname} records no versions`,
      cause: `The last try failed: ${shortenMessage(failure).message.replace(/\.$/, '')}.`,
      safe:
        'Files are delivered as always. Versions wait, and are recorded once this works. Of one ' +
        'file up to 100 replaced versions wait, and any host must still have their bytes then.',
      remedy: 'Remove the cause. Recording is retried by itself.',
      sinceSeconds: since,
      action: { label: `Open ${hostname}`, view: `#/hosts/${encodeURIComponent(hostname)}` },
      command: overview.thisHost ? 'syncmedia doctor' : 'syncmedia status --details',
    },
  ];
}
