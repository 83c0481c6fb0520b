import { createHmac, timingSafeEqual } from 'node:crypto';
import { SyncMediaError } from '../model/errors.js';
import { formatTrusted, type TrustedFields } from '../decisions/trusted.js';
import type { Host } from '../model/host.js';
import { toHost, type HostRow } from './host-model.js';
import { listUnreadable, repairRow } from './repair-row.js';

/** Explains why a host waits for approval although nobody decided so, with the remedy. */
export function explainUnsealed({ hostname }: Pick<Host, 'hostname'>): {
  message: string;
  remedy: string;
} {
  return {
    message:
      'this machine has a SYNCMEDIA_SECRET; that host has none or a different one, or its row ' +
      'was changed in the database',
    remedy:
      `set the same secret on ${hostname} and run \`syncmedia init\` there, or compare ` +
      `its fingerprints and run \`syncmedia approve ${hostname}\``,
  };
}

export const remedyForUnreadable =
  'find out who writes to the database beside syncmedia, and restart syncmedia on that host, ' +
  'which writes its fields anew; a host that does not exist is removed by `syncmedia unregister`';

/** Explains the consequence of having no secret while other hosts have one. */
export function explainMissingSecret(sealed: readonly Pick<Host, 'hostname'>[]): {
  message: string;
  remedy: string;
} {
  return {
    message:
      `this machine has no SYNCMEDIA_SECRET, but ` +
      `${sealed.map(({ hostname }) => hostname).join(', ')} registered with one: they ` +
      `refuse the key of this host (AUTH_FAILED)`,
    remedy: 'set the same SYNCMEDIA_SECRET here and run `syncmedia init`',
  };
}

/**
 * Distinguishes this site's rows from rows that somebody else wrote into its database. With
 * SYNCMEDIA_SECRET each row carries a seal, an HMAC-SHA256 over its trusted fields, and a host
 * without a valid seal waits for approval. Without a secret every row is trusted.
 */
export class Seals {
  /**
   * @param previous a secret that is being replaced: its seals still count, and it makes no new
   *   ones
   */
  constructor(
    private readonly secret?: string,
    private readonly previous?: string,
  ) {}

  get isActive(): boolean {
    return this.secret !== undefined;
  }

  /**
   * Seals the trusted fields of a host; undefined without a secret.
   * @throws BAD_OPTION if a field has the wrong type
   */
  sealHost(host: TrustedFields): string | undefined {
    if (this.secret === undefined) return undefined;
    const text = formatTrusted(host, { status: true });
    if (text === undefined)
      throw new SyncMediaError(
        'BAD_OPTION',
        `the row of host ${host.hostname} is malformed: remove it from the database, and ` +
          `register the host anew`,
      );
    return makeSeal(this.secret, 'host', text);
  }

  /**
   * Reads a row and verifies its seal. Retired hosts need none, since nobody lets them in. A
   * malformed row waits for approval even without a secret.
   */
  readHost(row: HostRow): Host {
    const repaired = repairRow(row),
      unreadable = repaired === row ? [] : listUnreadable(row);
    const host: Host = { ...toHost(repaired), ...(unreadable.length > 0 && { unreadable }) };
    if (repaired.status !== row.status) return { ...host, unsealed: true };
    if (!this.isActive) return row.seal === undefined ? host : { ...host, uncheckedSeal: true };
    if (
      host.status === 'retired' ||
      this.isValid('host', formatTrusted(host, { status: true }), row.seal)
    )
      return host;
    return { ...host, status: 'pending', unsealed: true };
  }

  /**
   * Refuses to write to sealed rows without a secret: all other hosts would consider the host
   * forged.
   * @throws BAD_ENVIRONMENT
   */
  requireSecret(rowsAreSealed: boolean): void {
    if (this.isActive || !rowsAreSealed) return;
    throw new SyncMediaError(
      'BAD_ENVIRONMENT',
      'SYNCMEDIA_SECRET is not set here, and the hosts of this database are sealed with it: set ' +
        'it to what the other machines have',
    );
  }

  /** Seals the rules of a sync dir, given as one text; undefined without a secret. */
  sealRules(text: string): string | undefined {
    return this.secret === undefined ? undefined : makeSeal(this.secret, 'sync dir', text);
  }

  /** Whether the seal proves that a host of this site wrote these rules. */
  trustsRules(text: string | undefined, seal: unknown): boolean {
    return this.isValid('sync dir', text, seal);
  }

  private isValid(what: SealedKind, text: string | undefined, seal: unknown): boolean {
    return (
      text !== undefined &&
      [this.secret, this.previous].some(
        (secret) => secret !== undefined && isSameSeal(makeSeal(secret, what, text), seal),
      )
    );
  }
}

/** The kind of a sealed row. A seal of one kind is invalid for the other. */
type SealedKind = 'host' | 'sync dir';

function makeSeal(secret: string, what: SealedKind, text: string): string {
  return createHmac('sha256', secret).update(`syncmedia ${what}\n${text}`).digest('base64');
}

function isSameSeal(expected: string, given: unknown): boolean {
  if (typeof given !== 'string' || given.length !== expected.length) return false;
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
