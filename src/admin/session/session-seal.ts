import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';

/** A person who signed in with the token. */
export interface Session {
  /** Hostile text: anybody who has the token may give any name. May be empty. */
  readonly name: string;
  readonly until: Date;
}

/** Four digits that depend on the token follow. */
export const cookieNameStart = 'syncmedia_session';

const lifetimeMs = 12 * 60 * 60 * 1000;
/** How far the clocks of two hosts may differ. */
const clockToleranceMs = 5 * 60 * 1000;
const maxLength = 2_048;

const contentSchema = v.object({ name: v.string(), from: v.number() });

/**
 * Seals sessions with a key derived from the token, so that every worker and host with the same
 * token accepts them, and a new token ends all of them. Nothing is stored.
 */
export class SessionSeal {
  /**
   * The name of the cookie. Browsers share cookies between the ports of a machine, so two sites
   * there need two names. Four digits of a digest tell nothing about the token.
   */
  readonly cookieName: string;
  private readonly key: Buffer;

  constructor(
    token: string,
    private readonly now: () => number = Date.now,
  ) {
    this.key = Buffer.from(hkdfSync('sha256', token, '', 'syncmedia session', 32));
    const digits = this.digest('cookie name').toString('hex').slice(0, 4);
    this.cookieName = `${cookieNameStart}_${digits}`;
  }

  /** Text of the characters that a cookie may have. */
  seal(name: string): string {
    const content = Buffer.from(JSON.stringify({ name, from: this.now() })).toString('base64url');
    return `${content}.${this.digest(content).toString('base64url')}`;
  }

  /** Returns the session, unless it is forged, of another token, over, or from the future. */
  open(sealed: string): Session | undefined {
    if (sealed.length > maxLength) return undefined;
    const [, content, signature] = /^([\w-]+)\.([\w-]{43})$/.exec(sealed) ?? [];
    if (content === undefined || signature === undefined) return undefined;
    const given = Buffer.from(signature, 'base64url');
    if (!timingSafeEqual(given, this.digest(content))) return undefined;
    const read = v.safeParse(
      contentSchema,
      JSON.parse(Buffer.from(content, 'base64url').toString()),
    );
    if (!read.success) return undefined;
    const { name, from } = read.output;
    const age = this.now() - from;
    if (age < -clockToleranceMs || age >= lifetimeMs) return undefined;
    return { name, until: new Date(from + lifetimeMs) };
  }

  private digest(content: string): Buffer {
    return createHmac('sha256', this.key).update(content).digest();
  }
}

export const sessionSeconds = lifetimeMs / 1000;
