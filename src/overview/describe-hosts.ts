import type { CappedCount, HostOverview } from '../api/overview.js';
import { explainHost, type ExplainedHost } from '../decisions/explain-host.js';
import {
  assessHost,
  countSeconds,
  type BlockedFacts,
  type SenderFacts,
} from '../decisions/host-state.js';
import { canSend, listSenders, nameHost } from '../decisions/senders.js';
import { countLimit } from '../ledger/measures.js';
import { getRemedy, type ErrorCode } from '../model/error-catalogue.js';
import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import { hostStates } from '../model/host-state.js';
import type { SiteReading } from './read-site.js';

/** Another host may have written a message of any length into its row. */
const maxMessageLength = 500;
/** The last hour in counts of three minutes each, of a host without deliveries. */
const noDeliveries: readonly number[] = new Array<number>(20).fill(0);
/** How many failing senders of a host are listed. */
const maxFailures = 20;

/** A host as the overview shows it, with what its needs are derived from. */
export interface DescribedHost {
  readonly host: Host;
  readonly facts: ExplainedHost;
  readonly overview: HostOverview;
  /** The instants behind its ages, which change only if something happened. */
  readonly instants: readonly (number | undefined)[];
}

/** Describes every host that is not retired: the most urgent state first, then by name. */
export function describeHosts(reading: SiteReading): DescribedHost[] {
  const hosts = reading.hosts.filter(({ status }) => status !== 'retired');
  const working = hosts.filter((host) => canSend(host, reading.now));
  const urgency = ({ overview }: DescribedHost): number => hostStates.indexOf(overview.state);
  return hosts
    .map((host) => describeHost(host, working, reading))
    .sort(
      (a, b) => urgency(a) - urgency(b) || compareText(a.overview.hostname, b.overview.hostname),
    );
}

/** Counts stop one beyond the limit, which only says that there are more. */
export function capCount(count: number): CappedCount {
  return { count: Math.min(count, countLimit), capped: count > countLimit };
}

/** The command that examines a host, from this one. */
export function makeDoctorCommand({
  hostname,
  thisHost,
}: Pick<HostOverview, 'hostname' | 'thisHost'>): string {
  return thisHost ? 'syncmedia doctor' : `syncmedia doctor --host ${hostname}`;
}

function shortenFailure(sender: SenderFacts): SenderFacts {
  const { failure } = sender;
  return failure ? { ...sender, failure: shortenMessage(failure) } : sender;
}

function describeHost(host: Host, working: readonly Host[], reading: SiteReading): DescribedHost {
  const { now, me, leaders } = reading;
  const name = nameHost(host);
  const { paused } = host;
  const pending = reading.pending.get(host.id);
  const oldest = pending?.oldest ?? undefined;
  const senders =
    host.status === 'approved' ? listSenders(host.id, working).map(shortenFailure) : [];
  const blocked = reading.blocked.flatMap((one) =>
    one.host === host.id ? [toBlockedFacts(one)] : [],
  );
  const filling = findFilling(host, working, reading);
  const facts: ExplainedHost = {
    name,
    host,
    now,
    senders,
    blocked,
    isThisHost: host.id === me,
    ...(oldest && { oldestPending: oldest }),
    ...(filling && { filling }),
    ...(paused && { paused }),
  };
  const state = assessHost(facts);
  const { note, ...explanation } = explainHost(state, facts);
  const failures = senders.filter(({ failure }) => failure);
  const deliveredAt = findNewest(
    reading.hosts.map(({ deliveries }) => deliveries[host.id]?.deliveredAt),
  );
  const nextTryAt = findOldest([
    ...failures.map((one) => one.nextTryAt),
    ...blocked.map(({ retryAt }) => retryAt),
  ]);
  const leader = leaders.get(host.id);
  const overview: HostOverview = {
    id: host.id,
    hostname: name,
    address: formatAddress(host),
    thisHost: host.id === me,
    passive: host.passive,
    approval: host.status,
    state,
    note: host.passive ? ['passive', note].filter((part) => part !== '').join('; ') : note,
    ...explanation,
    pending: { ...capCount(pending?.count ?? 0), bytes: pending?.bytes ?? 0 },
    ...(oldest && { oldestSeconds: countSeconds(oldest, now) }),
    blocked: blocked.reduce((sum, { files }) => sum + files, 0),
    blockedBy: blocked.map(({ code, files }) => ({ code, files })),
    ...(host.conflicts !== undefined && !host.passive && { conflicts: host.conflicts }),
    unsyncable: Object.values(host.unsyncable ?? {}).reduce((sum, { count }) => sum + count, 0),
    ...(host.reload && { reload: { at: host.reload.at, exitCode: host.reload.exitCode } }),
    ...(deliveredAt && { deliveredSecondsAgo: countSeconds(deliveredAt, now) }),
    deliveries: [...(reading.deliveries.get(host.id) ?? noDeliveries)],
    ...(host.heartbeatAt && { heartbeatSecondsAgo: countSeconds(host.heartbeatAt, now) }),
    ...(host.clockOffsetMs !== undefined &&
      !host.passive && { clockOffsetSeconds: Math.round(host.clockOffsetMs / 100) / 10 }),
    ...(host.software && { version: host.software.syncmedia }),
    ...(leader !== undefined && { leader }),
    ...(nextTryAt && { nextTrySeconds: countSecondsUntil(nextTryAt, now) }),
    failures: failures.slice(0, maxFailures).flatMap((sender) => describeFailure(sender, now)),
    ...(state === 'filling' && filling && { filling: describeFilling(filling) }),
    ...(host.status === 'paused' && { paused: { ...paused } }),
    ...describeHistory(host, reading),
  };
  const instants = [deliveredAt, nextTryAt, oldest].map((date) => date?.getTime());
  return { host, facts, overview, instants };
}

function describeHistory(
  { id, history }: Host,
  { unrecorded }: SiteReading,
): Pick<HostOverview, 'history'> {
  if (!history) return {};
  const { failure } = history;
  return {
    history: {
      unrecorded: capCount(unrecorded.get(id) ?? 0),
      ...(failure && { failing: shortenMessage(failure).message }),
    },
  };
}

function describeFailure(
  { from, failure, failingSince, nextTryAt }: SenderFacts,
  now: Date,
): HostOverview['failures'] {
  if (!failure) return [];
  const { code, message } = failure;
  return [
    {
      from,
      code,
      message,
      remedy: getRemedy(code),
      ...(failingSince && { sinceSeconds: countSeconds(failingSince, now) }),
      ...(nextTryAt && { nextTrySeconds: countSecondsUntil(nextTryAt, now) }),
    },
  ];
}

/** Rows of the ledger may hold values of any type here. */
function toBlockedFacts(one: SiteReading['blocked'][number]): BlockedFacts {
  const { code, files, retried, path, message, since, retryAt } = one;
  return {
    code: (typeof code === 'string' ? code : 'TRANSFER_FAILED') as ErrorCode,
    files,
    retried,
    path: cutMessage(path),
    message: cutMessage(typeof message === 'string' ? message : ''),
    ...(since instanceof Date && { since }),
    ...(retryAt instanceof Date && { retryAt }),
  };
}

/**
 * The progress of the bootstrap of a host, and where its files come from: the host from which it
 * fetches, then those that deliver to it meanwhile.
 */
function findFilling(
  { id }: Host,
  working: readonly Host[],
  { hosts, runs, now }: SiteReading,
): (NonNullable<ExplainedHost['filling']> & { secondsLeft?: number }) | undefined {
  const run = runs.unfinished.find(({ kind, at }) => kind === 'bootstrap' && at === id);
  if (!run) return undefined;
  const isSender = ({ deliveries }: Host): boolean => {
    const deliveredAt = deliveries[id]?.deliveredAt;
    return deliveredAt !== undefined && countSeconds(deliveredAt, now) <= recentSeconds;
  };
  const from = [
    ...hosts.filter((host) => host.id === run.from),
    ...working.filter((host) => host.id !== run.from && isSender(host)),
  ].map(nameHost);
  const { files, filesFound, secondsLeft } = run;
  return { files, filesFound, from, ...(secondsLeft !== undefined && { secondsLeft }) };
}
const recentSeconds = 60;

function describeFilling(
  filling: NonNullable<ReturnType<typeof findFilling>>,
): NonNullable<HostOverview['filling']> {
  return { ...filling, from: [...filling.from] };
}

export function shortenMessage(failure: Failure): Failure {
  return { ...failure, message: cutMessage(failure.message) };
}

function cutMessage(message: string): string {
  return message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
}

function formatAddress({ username, url, sshPort }: Host): string {
  return `${username}@${url.includes(':') ? `[${url}]` : url}:${String(sshPort)}`;
}

function countSecondsUntil(date: Date, now: Date): number {
  return Math.max(0, Math.ceil((date.getTime() - now.getTime()) / 1000));
}

function findNewest(dates: readonly (Date | undefined)[]): Date | undefined {
  const times = dates.flatMap((date) => (date ? [date.getTime()] : []));
  return times.length > 0 ? new Date(Math.max(...times)) : undefined;
}

function findOldest(dates: readonly (Date | undefined)[]): Date | undefined {
  const times = dates.flatMap((date) => (date ? [date.getTime()] : []));
  return times.length > 0 ? new Date(Math.min(...times)) : undefined;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
