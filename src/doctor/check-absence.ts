import { absenceText, assessAbsence } from '../decisions/assess-absence.js';
import { canSend, listSenders } from '../decisions/senders.js';
import type { DoctorCheck } from '../api/reports.js';
import type { Host } from '../model/host.js';
import { reportFailed } from './check.js';

/** Asks about a host that has been away for days, with the command that retires it. */
export function checkAbsence(host: Host, all: readonly Host[], now: Date): DoctorCheck[] {
  const { hostname } = host;
  const working = all.filter((other) => canSend(other, now));
  const senders = listSenders(host.id, working);
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
