import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Request } from 'express';
import { FailureLimiter } from './failure-limiter.js';
import { Refusal } from './refusal.js';
import { readSessionCookie } from './session/session-cookie.js';
import { type Session, SessionSeal } from './session/session-seal.js';

/** Whether a request may use the router; 'approve' also allows the approval of hosts. */
export type Authorization = boolean | 'approve';

/** What gives access to the router. */
interface AuthorizerOptions {
  authorize?: ((request: Request) => Authorization | Promise<Authorization>) | undefined;
  token?: string | undefined;
}

/**
 * A browser answers a challenge by a dialog of its own, also if a script of a page sent the
 * request. The admin page has its own form.
 */
function makeChallenge({ 'sec-fetch-dest': destination }: IncomingHttpHeaders): Refusal['headers'] {
  return destination === 'empty'
    ? {}
    : { 'WWW-Authenticate': 'Basic realm="syncmedia", charset="UTF-8"' };
}

/**
 * Admits a request with a session or the right token, or one for which the app's `authorize`
 * returns `true` or 'approve'. Without a token and `authorize` nobody is admitted.
 */
export class Authorizer {
  private readonly hmacKey = randomBytes(32);
  private readonly tokenDigest: Buffer | undefined;
  private readonly seal: SessionSeal | undefined;
  private readonly authorize: AuthorizerOptions['authorize'];

  constructor(
    { authorize, token }: AuthorizerOptions,
    private readonly limiter = new FailureLimiter(),
  ) {
    this.authorize = authorize;
    this.tokenDigest = token === undefined ? undefined : this.computeDigest(token);
    this.seal = token === undefined ? undefined : new SessionSeal(token);
  }

  /**
   * Returns the session, if the request has one.
   *
   * @throws Refusal 401, 403 or 429
   */
  async requireAuthorized(request: Request): Promise<Session | undefined> {
    const session = this.readSession(request);
    if (session) return session;
    const refusal = this.checkToken(request);
    if (!refusal) return undefined;
    // Compared strictly: an `authorize` that returns an object by mistake, or a promise in one,
    // admits nobody.
    const answer: unknown = await this.authorize?.(request);
    if (answer !== true && answer !== 'approve') throw refusal;
    return undefined;
  }

  /** The name of the cookie of a session. Undefined without a token, which nobody can sign in. */
  get cookieName(): string | undefined {
    return this.seal?.cookieName;
  }

  /**
   * Checks a token that was given in a form, and returns a sealed session.
   *
   * @throws Refusal 401, 403 or 429
   */
  signIn(token: string, name: string): string {
    if (!this.seal || !this.tokenDigest)
      throw new Refusal(403, 'FORBIDDEN', 'This router has no token to sign in with.');
    const refusal = this.compareToken(token, this.tokenDigest);
    if (refusal) throw refusal;
    return this.seal.seal(name);
  }

  /**
   * Admits only a person who may approve hosts. The token does not suffice: it can add a host,
   * and somebody else has to confirm that.
   *
   * @throws Refusal 403
   */
  async requireApprover(request: Request): Promise<void> {
    if (await this.mayApprove(request)) return;
    throw new Refusal(
      403,
      'FORBIDDEN',
      'Hosts are approved on the command line (syncmedia approve), or by somebody for whom ' +
        'the authorize function of this router answers "approve".',
    );
  }

  async mayApprove(request: Request): Promise<boolean> {
    const answer: unknown = await this.authorize?.(request);
    return answer === 'approve';
  }

  /**
   * A session is no token that can be guessed, so the limit of failures does not concern it:
   * somebody who guesses tokens locks out nobody who is signed in, and a browser with an old
   * session locks out nobody at all.
   */
  private readSession({ headers }: Request): Session | undefined {
    const sealed = this.seal && readSessionCookie(this.seal.cookieName, headers);
    return sealed === undefined ? undefined : this.seal?.open(sealed);
  }

  private checkToken({ headers }: Request): Refusal | undefined {
    if (!this.tokenDigest) {
      return new Refusal(
        403,
        'FORBIDDEN',
        this.authorize
          ? 'You may not use this.'
          : 'Nobody may use this yet: it needs an authorize function or SYNCMEDIA_ADMIN_TOKEN.',
      );
    }
    const challenge = makeChallenge(headers);
    const presented = readCredentials(headers.authorization)?.token;
    if (presented === undefined)
      return new Refusal(
        401,
        'UNAUTHORIZED',
        'Sign in, or send the token as Bearer or as the password of Basic.',
        challenge,
      );
    return this.compareToken(presented, this.tokenDigest, challenge);
  }

  private compareToken(
    presented: string,
    expectedDigest: Buffer,
    challenge: Refusal['headers'] = {},
  ): Refusal | undefined {
    // Even the right token is refused now: an exception for it would let guessing go on.
    const waitMs = this.limiter.waitMs();
    if (waitMs > 0) {
      return new Refusal(
        429,
        'TOO_MANY_FAILURES',
        'Too many wrong tokens lately; try again later.',
        { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
      );
    }
    // Both digests have the same length and use a key of this process, so the time of the
    // comparison reveals nothing about the token.
    if (timingSafeEqual(this.computeDigest(presented), expectedDigest)) return undefined;
    this.limiter.countFailure();
    return new Refusal(401, 'UNAUTHORIZED', 'The token is wrong.', challenge);
  }

  private computeDigest(token: string): Buffer {
    return createHmac('sha256', this.hmacKey).update(token).digest();
  }
}

/**
 * Reads the token of an Authorization header: Bearer (RFC 6750), or the password of Basic (RFC
 * 7617) with any user name.
 */
export function readCredentials(
  header: string | undefined,
): { token: string; user?: string } | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+) *$/i.exec(header ?? '') ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return { token: credentials };
  const userAndPassword = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  return colon < 0
    ? undefined
    : { token: userAndPassword.slice(colon + 1), user: userAndPassword.slice(0, colon) };
}
