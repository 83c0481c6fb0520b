import type { Entry, HostId, Version } from '../words.js';
import type { Answer } from './reconcile.js';
import { removedStamp } from './standing.js';

/**
 * What becomes of some hosts towards one entry. It is data, so that the ledger can write it as one atomic update; `applyTransition`
 * says what that update leaves behind.
 */
export interface Transition {
  readonly hosts: readonly HostId[];
  /** Whether they join or leave these lists; a list that is not named stays. */
  readonly heldBy?: 'join' | 'leave';
  readonly owed?: 'join' | 'leave';
  readonly blocked?: 'leave';
  /** What is known of their files from now on. */
  readonly stamp?: string;
  /** The sender is among those that leave the holders: a holder may adopt the entry. */
  readonly adoptable?: true;
}

/** They have the version. @param stamp of the file of the one host, where its content was compared */
export function hold(hosts: readonly HostId[], stamp?: string): Transition {
  return { hosts, heldBy: 'join', owed: 'leave', blocked: 'leave', ...(stamp === undefined ? {} : { stamp }) };
}

/** The host holds it as before, and has compared the content. */
export function confirmStamp(host: HostId, stamp: string): Transition {
  return { hosts: [host], stamp };
}

/** They are owed whatever is current, and no longer count as holders. Always safe: a delivery more. */
export function owe(entry: Pick<Entry, 'sender'>, hosts: readonly HostId[]): Transition {
  return { hosts, heldBy: 'leave', owed: 'join', blocked: 'leave', ...letGo(entry, hosts) };
}

/** The host's copy is gone: only its app can have removed it. */
export function leave(entry: Pick<Entry, 'sender'>, host: HostId): Transition {
  return { hosts: [host], heldBy: 'leave', stamp: removedStamp, ...letGo(entry, [host]) };
}

/** The host is not concerned: neither holding, nor owed, nor blocked. */
export function release(host: HostId): Transition {
  return { hosts: [host], heldBy: 'leave', owed: 'leave', blocked: 'leave' };
}

function letGo({ sender }: Pick<Entry, 'sender'>, hosts: readonly HostId[]): { adoptable?: true } {
  return hosts.includes(sender) ? { adoptable: true } : {};
}

/**
 * A version has landed on these hosts. The fence: where the entry, read afresh, has another version by now, nobody knows what lies
 * there, so they are owed again.
 */
export function settle(now: Pick<Entry, 'version' | 'sender'>, landed: Version, hosts: readonly HostId[]): Transition {
  return now.version === landed ? hold(hosts) : owe(now, hosts);
}

/**
 * The host's own file won over the version. It is not concerned; but where the entry moved on meanwhile, what was put back there may not
 * be what its holder has said it holds.
 */
export function settleKept(now: Pick<Entry, 'version' | 'sender'>, sent: Version, host: HostId): Transition {
  return now.version === sent ? release(host) : owe(now, [host]);
}

/**
 * What an answer of `reconcile` means for this host, once what it asks of the disk is done; undefined: a version, or nothing.
 * @param stamp of the file that lies there, where its content was compared
 */
export function follow(answer: Answer, entry: Pick<Entry, 'sender'>, me: HostId, stamp?: string): Transition | undefined {
  switch (answer) {
    case 'hold': return hold([me], stamp);
    case 'restore': return hold([me]);
    case 'owe': return owe(entry, [me]);
    case 'leave': return leave(entry, me);
    default: return undefined;
  }
}

/** The entry after the transition. */
export function applyTransition(entry: Entry, { hosts, heldBy, owed, blocked, stamp, adoptable }: Transition): Entry {
  return {
    ...entry, heldBy: change(entry.heldBy, hosts, heldBy), owed: change(entry.owed, hosts, owed),
    blocked: blocked ? entry.blocked.filter(({ host }) => !hosts.includes(host)) : entry.blocked,
    ...(stamp === undefined ? {} : { stamps: { ...entry.stamps, ...Object.fromEntries(hosts.map((host) => [host, stamp])) } }),
    ...(adoptable ? { adoptable } : {}),
  };
}

function change(list: HostId[], hosts: readonly HostId[], how: 'join' | 'leave' | undefined): HostId[] {
  if (how === undefined) return list;
  const others = list.filter((host) => !hosts.includes(host));
  return how === 'leave' ? others : [...others, ...hosts];
}

/** Whether a host is not concerned by an entry: one that is new to the site is owed it then. */
export function lacks(entry: Entry, host: HostId): boolean {
  return !entry.heldBy.includes(host) && !entry.owed.includes(host) && !entry.blocked.some((blocked) => blocked.host === host);
}

/** Whether `me`, as sender, delivers the entry to a host: a sender that lost the bytes has nothing to send, a tombstone has none. */
export function maySend(entry: Entry, me: HostId, to: HostId): boolean {
  return entry.sender === me && entry.owed.includes(to) && (entry.heldBy.includes(me) || entry.kind === 'tombstone');
}

/**
 * Whether `me` may become the sender of an entry: its sender holds it no longer, or is gone while hosts are still owed. A tombstone
 * needs no bytes, so anyone may deliver that of a sender that is gone.
 */
export function mayAdopt(entry: Entry, me: HostId, gone: readonly HostId[]): boolean {
  if (entry.sender === me) return false;
  const holds = entry.heldBy.includes(me);
  if (entry.adoptable && holds) return true;
  return gone.includes(entry.sender) && entry.owed.length + entry.blocked.length > 0 && (holds || entry.kind === 'tombstone');
}

/** The entry with another sender. */
export function adopt({ adoptable: _, ...entry }: Entry, me: HostId): Entry {
  return { ...entry, sender: me };
}
