import type { Entry, HostId, Version } from '../model/words.js';
import type { Answer } from './reconcile.js';
import { removedStamp } from './file-state.js';

/**
 * How the relation of some hosts to one entry changes. It is data, so that the ledger can write
 * it as one atomic update. `applyTransition` returns the entry after that update.
 */
export interface Transition {
  readonly hosts: readonly HostId[];
  /** Whether the hosts join or leave these lists. A missing list stays as it is. */
  readonly heldBy?: 'join' | 'leave';
  readonly owed?: 'join' | 'leave';
  readonly blocked?: 'leave';
  /** The new stamp of their files. */
  readonly stamp?: string;
  /**
   * The origin is among the hosts that leave the holders, so a holder may take the entry over.
   */
  readonly adoptable?: true;
}

/**
 * The hosts have the version.
 * @param stamp of the file of the one host, if its content was compared
 */
export function hold(hosts: readonly HostId[], stamp?: string): Transition {
  return {
    hosts,
    heldBy: 'join',
    owed: 'leave',
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
export function owe(entry: Pick<Entry, 'sender'>, hosts: readonly HostId[]): Transition {
  return { hosts, heldBy: 'leave', owed: 'join', blocked: 'leave', ...letGo(entry, hosts) };
}

/** The host's copy is gone. Only its app can have removed it. */
export function leave(entry: Pick<Entry, 'sender'>, host: HostId): Transition {
  return { hosts: [host], heldBy: 'leave', stamp: removedStamp, ...letGo(entry, [host]) };
}

/** The host is not concerned: it neither holds the entry, nor is pending, nor blocked. */
export function release(host: HostId): Transition {
  return { hosts: [host], heldBy: 'leave', owed: 'leave', blocked: 'leave' };
}

function letGo({ sender }: Pick<Entry, 'sender'>, hosts: readonly HostId[]): { adoptable?: true } {
  return hosts.includes(sender) ? { adoptable: true } : {};
}

/**
 * Acknowledges a version that arrived at these hosts. If the entry has another version by now,
 * nobody knows what lies there, so the hosts become pending again.
 */
export function settle(
  now: Pick<Entry, 'version' | 'sender'>,
  landed: Version,
  hosts: readonly HostId[],
): Transition {
  return now.version === landed ? hold(hosts) : owe(now, hosts);
}

/**
 * Acknowledges that the host's own file won over the version. The host is not concerned. If the
 * entry changed meanwhile, the file that was put back may not be the one that the host claims to
 * hold, so the host becomes pending.
 */
export function settleKept(
  now: Pick<Entry, 'version' | 'sender'>,
  sent: Version,
  host: HostId,
): Transition {
  return now.version === sent ? release(host) : owe(now, [host]);
}

/**
 * The transition that follows from an answer of `reconcile`, after the disk was changed as it
 * says. Undefined if the answer makes a version or changes nothing.
 * @param stamp of the file at the path, if its content was compared
 */
export function follow(
  answer: Answer,
  entry: Pick<Entry, 'sender'>,
  me: HostId,
  stamp?: string,
): Transition | undefined {
  switch (answer) {
    case 'hold':
      return hold([me], stamp);
    case 'restore':
      return hold([me]);
    case 'owe':
      return owe(entry, [me]);
    case 'leave':
      return leave(entry, me);
    default:
      return undefined;
  }
}

/** The entry after the transition. */
export function applyTransition(
  entry: Entry,
  { hosts, heldBy, owed, blocked, stamp, adoptable }: Transition,
): Entry {
  return {
    ...entry,
    heldBy: change(entry.heldBy, hosts, heldBy),
    owed: change(entry.owed, hosts, owed),
    blocked: blocked ? entry.blocked.filter(({ host }) => !hosts.includes(host)) : entry.blocked,
    ...(stamp === undefined
      ? {}
      : { stamps: { ...entry.stamps, ...Object.fromEntries(hosts.map((host) => [host, stamp])) } }),
    ...(adoptable ? { adoptable } : {}),
  };
}

function change(
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
 * then.
 */
export function lacks(entry: Entry, host: HostId): boolean {
  return (
    !entry.heldBy.includes(host) &&
    !entry.owed.includes(host) &&
    !entry.blocked.some((blocked) => blocked.host === host)
  );
}

/**
 * Whether `me`, as origin, delivers the entry to a host. An origin that lost the bytes has
 * nothing to send; a tombstone needs none.
 */
export function maySend(entry: Entry, me: HostId, to: HostId): boolean {
  return (
    entry.sender === me &&
    entry.owed.includes(to) &&
    (entry.heldBy.includes(me) || entry.kind === 'tombstone')
  );
}

/**
 * Whether `me` may become the origin of an entry. It may if the origin no longer holds the file,
 * or is absent while hosts are pending. A tombstone needs no bytes, so any host may deliver that
 * of an absent origin.
 */
export function mayAdopt(entry: Entry, me: HostId, gone: readonly HostId[]): boolean {
  if (entry.sender === me) return false;
  const holds = entry.heldBy.includes(me);
  if (entry.adoptable && holds) return true;
  return (
    gone.includes(entry.sender) &&
    entry.owed.length + entry.blocked.length > 0 &&
    (holds || entry.kind === 'tombstone')
  );
}

/** The entry with this host as origin. */
export function adopt({ adoptable: _, ...entry }: Entry, me: HostId): Entry {
  return { ...entry, sender: me };
}
