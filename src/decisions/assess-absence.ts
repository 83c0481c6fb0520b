import { assessHost, countSeconds, hostLimits, isSilent, type HostFacts } from './host-state.js';

/** A host that has been away for so long that somebody has to say whether it comes back. */
export interface Absence {
  /** Its last sign of life. */
  readonly since: Date;
  /** Retires the host, and refuses while no other host has some file of it. */
  readonly command: string;
}

/**
 * Decides whether to ask about a host that is down. Everything that is saved stays pending for it
 * until a person retires it: nothing does so by itself, since the host may have the last copy of
 * a file.
 *
 * Signs of life are heartbeats and deliveries. A host that sends no heartbeats may have had nothing
 * to receive, so it counts from when it could not be reached. A host that is paused is known to be
 * away, and for one that waits for approval nothing is pending.
 */
export function assessAbsence(facts: HostFacts & { readonly name: string }): Absence | undefined {
  const { host, name, now, senders } = facts;
  if (host.status !== 'approved' || assessHost(facts) !== 'down') return undefined;
  const signs = [
    host.passive ? undefined : (host.heartbeatAt ?? host.createdAt),
    ...senders.map(({ deliveredAt }) => deliveredAt),
    isSilent(facts) ? undefined : findFailingSince(facts),
  ].filter((sign) => sign !== undefined);
  if (signs.length === 0) return undefined;
  const since = new Date(Math.max(...signs.map((sign) => sign.getTime())));
  if (countSeconds(since, now) <= hostLimits.absent) return undefined;
  return { since, command: `syncmedia unregister ${name} --safe` };
}

function findFailingSince({ senders }: HostFacts): Date | undefined {
  const times = senders.flatMap(({ failingSince }) =>
    failingSince ? [failingSince.getTime()] : [],
  );
  return times.length > 0 ? new Date(Math.min(...times)) : undefined;
}

/** `7 days`: from when on a host counts as absent. */
export const absenceText = `${String(hostLimits.absent / 86_400)} days`;
