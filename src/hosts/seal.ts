import { createHmac, timingSafeEqual } from 'node:crypto';
import { SyncMediaError } from '../errors/errors.js';
import { formatTrusted, type Trusted } from '../planning/trusted.js';
import type { Host } from '../words.js';
import { toHost, type HostRow } from './host-model.js';
import { listUnreadable, repairRow } from './repair-row.js';

/** Why a host of this machine's registry is pending without anyone having decided that, and what to do about it. */
export function explainUnsealed({ hostname }: Pick<Host, 'hostname'>): { message: string; remedy: string } {
  return {
    message: 'this machine has a SYNCMEDIA_SECRET; that host has none or a different one, or its row was changed in the database',
    remedy: `set the same secret on ${hostname} and run \`syncmedia init\` there, or compare its fingerprints and run \`syncmedia approve ${hostname}\``,
  };
}

export const remedyForUnreadable = 'find out who writes to the database beside syncmedia, and restart syncmedia on that host, which writes its fields anew; a host that does not exist is removed by `syncmedia unregister`';

/** On a machine without a secret: what it means that these hosts have one. */
export function explainMissingSecret(sealed: readonly Pick<Host, 'hostname'>[]): { message: string; remedy: string } {
  return {
    message: `this machine has no SYNCMEDIA_SECRET, but ${sealed.map(({ hostname }) => hostname).join(', ')} registered with one: hosts with a secret take this host for pending and refuse its key (AUTH_FAILED)`,
    remedy: 'set the same SYNCMEDIA_SECRET here and run `syncmedia init`',
  };
}

/**
 * Tells rows that this site wrote from those that somebody else wrote into its database: with SYNCMEDIA_SECRET each row carries a
 * seal, an HMAC-SHA256 over what is trusted of it, and a row without a valid one counts as pending. Without a secret every row is
 * believed.
 */
export class Seals {
  /** @param previous a secret that is being replaced: its seals still count, and no new ones are made with it */
  constructor(private readonly secret?: string, private readonly previous?: string) {}

  get active(): boolean { return this.secret !== undefined; }

  /** Undefined without a secret. @throws BAD_OPTION where what is to be sealed has not the types it should have */
  seal(host: Trusted): string | undefined {
    if (this.secret === undefined) return undefined;
    const text = formatTrusted(host, { status: true });
    if (text === undefined) throw new SyncMediaError('BAD_OPTION', `the row of host ${host.hostname} is malformed: remove it from the database, and register the host anew`);
    return makeSeal(this.secret, 'host', text);
  }

  /** A host as it counts. A retired one is let in nowhere anyway; one whose row is malformed is pending even without a secret. */
  read(row: HostRow): Host {
    const repaired = repairRow(row), unreadable = repaired === row ? [] : listUnreadable(row);
    const host: Host = { ...toHost(repaired), ...(unreadable.length > 0 && { unreadable }) };
    if (repaired.status !== row.status) return { ...host, unsealed: true };
    if (!this.active) return row.seal === undefined ? host : { ...host, uncheckedSeal: true };
    if (host.status === 'retired' || this.isValid('host', formatTrusted(host, { status: true }), row.seal)) return host;
    return { ...host, status: 'pending', unsealed: true };
  }

  /**
   * Refuses to write where rows are sealed and this process could not seal: everyone else would take the host for a forgery.
   * @throws BAD_ENVIRONMENT
   */
  requireSecret(rowsAreSealed: boolean): void {
    if (this.active || !rowsAreSealed) return;
    throw new SyncMediaError('BAD_ENVIRONMENT', 'SYNCMEDIA_SECRET is not set here, and the hosts of this database are sealed with it: set it to what the other machines have');
  }

  /** The seal of the rules of a sync dir, as one text; undefined without a secret. */
  sealRules(text: string): string | undefined {
    return this.secret === undefined ? undefined : makeSeal(this.secret, 'sync dir', text);
  }

  /** Whether one of this site wrote such rules. */
  believesRules(text: string | undefined, seal: unknown): boolean {
    return this.isValid('sync dir', text, seal);
  }

  private isValid(what: Sealed, text: string | undefined, seal: unknown): boolean {
    return text !== undefined && [this.secret, this.previous].some((secret) => secret !== undefined && isSame(makeSeal(secret, what, text), seal));
  }
}

/** What a seal is about: that of one kind of row is none for another. */
type Sealed = 'host' | 'sync dir';

function makeSeal(secret: string, what: Sealed, text: string): string {
  return createHmac('sha256', secret).update(`syncmedia ${what}\n${text}`).digest('base64');
}

function isSame(expected: string, given: unknown): boolean {
  if (typeof given !== 'string' || given.length !== expected.length) return false;
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
