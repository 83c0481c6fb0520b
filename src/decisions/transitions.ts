import type { Entry, Version } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { ReconcileAnswer } from './reconcile.js';
import { removedStamp } from './file-state.js';

/**
 * How the relation of some hosts to one entry changes. It is data, so that the ledger can write
 * it as one atomic update. `applyTransition` returns the entry after that update.
 */
export interface Transition {
  readonly hosts: readonly HostId[];
  /** Whether the hosts join or leave these lists. A missing list stays as it is. */
  readonly heldBy?: 'join' | 'leave';
  readonly pending?: 'join' | 'leave';
  readonly blocked?: 'leave';
  /** The new stamp of their files. */
  readonly stamp?: string;
  /**
   * The origin is among the hosts that leave the holders, so a holder may take the entry over.
   */
  readonly orphaned?: true;
}

/**
 * The hosts have the version.
 * @param stamp of the file of the one host, if its content was compared
 */
export function markHeld(hosts: readonly HostId[], stamp?: string): Transition {
  return {
    hosts,
    heldBy: 'join',
    pending: 'leave',
    blocked: 'leave',
    ...(stamp === undefined ? {} : { stamp }),
  };
}

/** The host still holds the file, and has compared its content. */
export function confirmStamp(host: HostId, stamp: string): Transition {
  return { hosts: [host], stamp };
}

/**
 * The hosts need the current version and no longer count as holders. This is always safe: at
 * worst it causes one more delivery.
 */
export function markPending(entry: Pick<Entry, 'origin'>, hosts: readonly HostId[]): Transition {
  return {
    hosts,
    heldBy: 'leave',
    pending: 'join',
    blocked: 'leave',
    ...orphanIfOrigin(entry, hosts),
  };
}

/** The host's copy is gone. Only its app can have removed it. */
export function removeHolder(entry: Pick<Entry, 'origin'>, host: HostId): Transition {
  return { hosts: [host], heldBy: 'leave', stamp: removedStamp, ...orphanIfOrigin(entry, [host]) };
}

/** The host is not concerned: it neither holds the entry, nor is pending, nor blocked. */
export function releaseHost(host: HostId): Transition {
  return { hosts: [host], heldBy: 'leave', pending: 'leave', blocked: 'leave' };
}

function orphanIfOrigin(
  { origin }: Pick<Entry, 'origin'>,
  hosts: readonly HostId[],
): { orphaned?: true } {
  return hosts.includes(origin) ? { orphaned: true } : {};
}

/**
 * Acknowledges a version that arrived at these hosts. If the entry has another version by now,
 * nobody knows what lies there, so the hosts become pending again.
 */
export function acknowledgeDelivery(
  now: Pick<Entry, 'version' | 'origin'>,
  delivered: Version,
  hosts: readonly HostId[],
): Transition {
  return now.version === delivered ? markHeld(hosts) : markPending(now, hosts);
}

/**
 * Acknowledges that the host's own file won over the version. The host is not concerned. If the
 * entry changed meanwhile, the file that was put back may not be the one that the host claims to
 * hold, so the host becomes pending.
 */
export function acknowledgeKept(
  now: Pick<Entry, 'version' | 'origin'>,
  sent: Version,
  host: HostId,
): Transition {
  return now.version === sent ? releaseHost(host) : markPending(now, [host]);
}

/**
 * The transition that follows from an answer of `reconcile`, after the disk was changed as it
 * says. Undefined if the answer makes a version or changes nothing.
 * @param stamp of the file at the path, if its content was compared
 */
export function deriveTransition(
  answer: ReconcileAnswer,
  entry: Pick<Entry, 'origin'>,
  me: HostId,
  stamp?: string,
): Transition | undefined {
  switch (answer) {
    case 'hold':
      return markHeld([me], stamp);
    case 'restore':
      return markHeld([me]);
    case 'mark-pending':
      return markPending(entry, [me]);
    case 'leave':
      return removeHolder(entry, me);
    default:
      return undefined;
  }
}

/** The entry after the transition. */
export function applyTransition(
  entry: Entry,
  { hosts, heldBy, pending, blocked, stamp, orphaned }: Transition,
): Entry {
  return {
    ...entry,
    heldBy: updateHostList(entry.heldBy, hosts, heldBy),
    pending: updateHostList(entry.pending, hosts, pending),
    blocked: blocked ? entry.blocked.filter(({ host }) => !hosts.includes(host)) : entry.blocked,
    ...(stamp === undefined
      ? {}
      : { stamps: { ...entry.stamps, ...Object.fromEntries(hosts.map((host) => [host, stamp])) } }),
    ...(orphaned ? { orphaned } : {}),
  };
}

function updateHostList(
  list: HostId[],
  hosts: readonly HostId[],
  how: 'join' | 'leave' | undefined,
): HostId[] {
  if (how === undefined) return list;
  const others = list.filter((host) => !hosts.includes(host));
  return how === 'leave' ? others : [...others, ...hosts];
}

/**
 * Whether a host is not concerned by an entry. A host that is new to the site becomes pending
 * then. Specifies `Ledger.markLackingPending`; `test/ledger/transitions.test.ts` compares them.
 */
export function isUnconcerned(entry: Entry, host: HostId): boolean {
  return (
    !entry.heldBy.includes(host) &&
    !entry.pending.includes(host) &&
    !entry.blocked.some((blocked) => blocked.host === host)
  );
}

/**
 * Whether `me`, as origin, delivers the entry to a host. An origin that lost the bytes has
 * nothing to send; a tombstone needs none. Specifies `LedgerQueries.findPending`;
 * `test/ledger/transitions.test.ts` compares them.
 */
export function mayDeliver(entry: Entry, me: HostId, to: HostId): boolean {
  return (
    entry.origin === me &&
    entry.pending.includes(to) &&
    (entry.heldBy.includes(me) || entry.kind === 'tombstone')
  );
}

/**
 * Whether `me` may become the origin of an entry. It may if the origin no longer holds the file,
 * or is gone while hosts are pending. A tombstone needs no bytes, so any host may deliver that of
 * a gone origin. Specifies `LedgerQueries.findForTakeOver`; `test/ledger/transitions.test.ts`
 * compares them.
 */
export function mayTakeOver(entry: Entry, me: HostId, gone: readonly HostId[]): boolean {
  if (entry.origin === me) return false;
  const holds = entry.heldBy.includes(me);
  if (entry.orphaned && holds) return true;
  return (
    gone.includes(entry.origin) &&
    entry.pending.length + entry.blocked.length > 0 &&
    (holds || entry.kind === 'tombstone')
  );
}

/**
 * The entry with this host as origin. Specifies `Ledger.takeOver`;
 * `test/ledger/transitions.test.ts` compares them.
 */
export function takeOver({ orphaned: _, ...entry }: Entry, me: HostId): Entry {
  return { ...entry, origin: me };
}
