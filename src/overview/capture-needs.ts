import type { Need } from '../api/overview.js';
import { dueSeconds } from '../capture/measure-outbox.js';
import { countSeconds } from '../decisions/host-state.js';
import { restoreNames } from '../hosts/unregister.js';
import type { HostId } from '../model/host.js';
import { makeDoctorCommand, type DescribedHost } from './describe-hosts.js';
import type { SiteReading } from './read-site.js';

/** Longer waits mean that no leader processes the captures of a host. */
const overdueSeconds = 60;

/** How long the oldest capture of each host has waited, for those whose first one is due. */
export function listCaptureAges({
  captures,
  now,
}: Pick<SiteReading, 'captures' | 'now'>): Map<HostId, number> {
  // A removed file is looked at for ten minutes, and its capture is due later meanwhile.
  const due = [...captures.firstDue].filter(([, dueAt]) => dueAt <= now);
  return new Map(due.map(([host, dueAt]) => [host, countSeconds(dueAt, now) + dueSeconds]));
}

/**
 * Lists hosts whose saves wait although the host seems to work, and retired hosts. Hosts that are
 * down, cloned or not approved have a need of their own.
 */
export function listCaptureNeeds(
  reading: SiteReading,
  described: readonly DescribedHost[],
): Need[] {
  return [...listCaptureAges(reading)].flatMap(([id, seconds]): Need[] => {
    const known = described.find(({ host }) => host.id === id);
    if (seconds <= overdueSeconds || hasOtherNeed(known)) return [];
    const row = reading.hosts.find((host) => host.id === id);
    const hostname = known?.overview.hostname ?? (row ? restoreNames(row).hostname : id);
    return [
      {
        id: `captures ${hostname}`,
        kind: 'captures',
        host: hostname,
        title: `Saves on ${hostname} wait to be processed`,
        cause: known
          ? `A save on ${hostname} has waited for more than a minute to be processed.`
          : `${hostname} was retired before its last saves were processed.`,
        safe: 'The saves are stored in the database, and their files are on its disk.',
        remedy: known
          ? `See that the application runs on ${hostname} and calls \`startSyncMedia()\`, and ` +
            `look into its log.`
          : `Register that machine anew with \`syncmedia init\`, or copy its files to another ` +
            `host and run \`syncmedia push\` there.`,
        sinceSeconds: seconds,
        command: known ? makeDoctorCommand(known.overview) : 'syncmedia doctor',
      },
    ];
  });
}

function hasOtherNeed(known: DescribedHost | undefined): boolean {
  return known !== undefined && ['pending', 'cloned', 'down'].includes(known.overview.state);
}
