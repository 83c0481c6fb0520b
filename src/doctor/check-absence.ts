import { absenceText, assessAbsence } from '../decisions/assess-absence.js';
import { isSilent, type SenderFacts } from '../decisions/host-state.js';
import type { DoctorCheck } from '../api/reports.js';
import type { Host } from '../model/host.js';
import { reportFailed } from './check.js';

/** Asks about a host that has been away for days, with the command that retires it. */
export function checkAbsence(host: Host, all: readonly Host[], now: Date): DoctorCheck[] {
  const { hostname } = host;
  const senders = all.flatMap(({ id, hostname: from, deliveries, ...other }): SenderFacts[] => {
    const delivery = deliveries[host.id];
    // What a host that is silent recorded is out of date.
    if (!delivery || id === host.id || isSilent({ host: other, now })) return [];
    return [{ from, ...delivery }];
  });
  const absence = assessAbsence({ host, name: hostname, now, senders, blocked: [] });
  if (!absence) return [];
  return [
    {
      name: `host ${hostname}: absence`,
      ...reportFailed(
        `no sign of life since ${absence.since.toISOString()}, for over ${absenceText}: ` +
          `everything that is saved stays pending for it`,
        `start it, or run \`${absence.command}\`, which refuses while it is the last host with ` +
          `some file`,
      ),
    },
  ];
}
