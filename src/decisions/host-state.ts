import type { ErrorCode } from '../model/error-catalogue.js';
import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import { hostStates, type HostStateName } from '../model/host-state.js';

/**
 * Limits in seconds: without a heartbeat, until somebody is asked about a host that is down, of
 * the oldest pending file, and between two clocks.
 */
export const hostLimits = { silent: 120, absent: 7 * 86_400, behind: 60, skew: 5 };

/** The deliveries of one working host to the host in question. */
export interface SenderFacts {
  /** Its hostname. */
  readonly from: string;
  readonly deliveredAt?: Date;
  readonly failure?: Failure;
  readonly failingSince?: Date;
  readonly nextTryAt?: Date;
}

/** Files that fail on a host with one code while others go on. */
export interface BlockedFacts {
  readonly code: ErrorCode;
  readonly files: number;
  /** How many of them are tried again by themselves. */
  readonly retried: number;
  /** One of them. */
  readonly path: string;
  readonly message: string;
  readonly since?: Date;
  readonly retryAt?: Date;
}

/** Everything that the state of a host depends on. */
export interface HostFacts {
  readonly host: Pick<Host, 'status' | 'passive' | 'halted'> &
    Partial<Pick<Host, 'readyAt' | 'heartbeatAt' | 'createdAt' | 'lease'>>;
  /** The database's time of the reading. */
  readonly now: Date;
  /**
   * Senders that work and send to this host. A host that is paused or waits for approval has none,
   * since earlier records are out of date.
   */
  readonly senders: readonly SenderFacts[];
  readonly blocked: readonly BlockedFacts[];
  /** When the oldest file that waits for the host was captured. */
  readonly oldestPending?: Date;
}

/**
 * Codes with which nothing can reach the host. Any other failure only keeps some files from it, so
 * the host is blocked.
 */
const unreachableCodes: ReadonlySet<string> = new Set<ErrorCode>([
  'HOST_UNREACHABLE',
  'HOST_KEY_MISMATCH',
  'AUTH_FAILED',
  'TIMED_OUT',
]);

/** Decides the state of a host: the first of `hostStates` that holds. */
export function assessHost(facts: HostFacts): HostStateName {
  return hostStates.find((state) => holds[state](facts)) ?? 'up to date';
}

const holds: Readonly<Record<HostStateName, (facts: HostFacts) => boolean>> = {
  pending: ({ host }) => host.status === 'pending',
  cloned: ({ host }) => Object.values(host.halted).some(({ code }) => code === 'HOST_CLONED'),
  down: (facts) => isSilent(facts) || isUnreachable(facts),
  halted: ({ host }) => Object.keys(host.halted).length > 0,
  blocked: ({ blocked, senders }) => blocked.length > 0 || senders.some(({ failure }) => failure),
  // A paused host is not filled either, until somebody resumes it.
  filling: ({ host }) => !host.passive && host.readyAt === undefined && host.status === 'approved',
  paused: ({ host }) => host.status === 'paused',
  behind: ({ oldestPending, now }) =>
    oldestPending !== undefined && countSeconds(oldestPending, now) > hostLimits.behind,
  'up to date': () => true,
};

/** Whether a host may serve visitors: approved and filled, and the only one with its id. */
export function mayTakeVisitors({
  status,
  readyAt,
  halted,
}: Pick<Host, 'status' | 'halted' | 'readyAt'>): boolean {
  const isCloned = Object.values(halted).some(({ code }) => code === 'HOST_CLONED');
  return readyAt !== undefined && (status === 'approved' || status === 'paused') && !isCloned;
}

/**
 * Whether no process of a host has been heard of for two minutes. A host that was never heard of
 * counts from its registration. One whose leader sends no dated heartbeats, because it runs an
 * older version, does not count as silent; a passive host has no process.
 */
export function isSilent({ host, now }: Pick<HostFacts, 'host' | 'now'>): boolean {
  const { passive, heartbeatAt, createdAt, lease } = host;
  if (passive || (heartbeatAt === undefined && lease !== undefined)) return false;
  const last = heartbeatAt ?? createdAt;
  return last !== undefined && countSeconds(last, now) > hostLimits.silent;
}

/**
 * Whether no sender reaches a host: at least one cannot, and none has delivered anything since. A
 * sender that delivered before and had nothing to send since proves nothing.
 */
export function isUnreachable({ senders }: Pick<HostFacts, 'senders'>): boolean {
  const failing = senders.filter(({ failure }) => failure && unreachableCodes.has(failure.code));
  if (failing.length === 0) return false;
  const since = Math.min(...failing.map(({ failingSince }) => failingSince?.getTime() ?? 0));
  return senders.every(
    ({ failure, deliveredAt }) =>
      (failure && unreachableCodes.has(failure.code)) ||
      (!failure && (deliveredAt?.getTime() ?? 0) <= since),
  );
}

/** Counts the whole seconds since a date. A date in the future counts as now. */
export function countSeconds(since: Date, now: Date): number {
  return Math.max(0, Math.floor((now.getTime() - since.getTime()) / 1000));
}
