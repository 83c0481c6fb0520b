import type { Request } from 'express';
import { readCredentials } from './authorizer.js';
import type { Session } from './session/session-seal.js';

/** Of a name, in characters. */
export const maxNameLength = 100;

/**
 * Returns the requester's name and address for the audit log. Nothing proves the name, except
 * that the requester may use the router.
 */
export function describeRequester(
  request: Request,
  nameOf?: (request: Request) => string,
  session?: Session,
): string {
  const given =
    nameOf?.(request) ??
    (session?.name || readCredentials(request.headers.authorization)?.user) ??
    '';
  // Cut by characters, so that none is halved.
  const name = Array.from(given.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, ''))
    .slice(0, maxNameLength)
    .join('');
  return (
    `${name === '' ? 'somebody' : JSON.stringify(name)} through the router, from ` +
    // A server that listens on all addresses sees those of IPv4 within IPv6.
    (request.socket.remoteAddress?.replace(/^::ffff:(?=[\d.]+$)/, '') ?? 'an unknown address')
  );
}
