import type { IncomingHttpHeaders } from 'node:http';
import { sessionSeconds } from './session-seal.js';

/**
 * Reads the sealed session. With several cookies of that name none counts, since another site
 * below the same domain may have set one of them.
 */
export function readSessionCookie(
  cookieName: string,
  { cookie = '' }: IncomingHttpHeaders,
): string | undefined {
  const prefix = `${cookieName}=`;
  const [sealed, ...others] = cookie
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(prefix))
    .map((pair) => pair.slice(prefix.length));
  return others.length > 0 ? undefined : sealed;
}

/**
 * Writes the header that sets the cookie, or removes it if `sealed` is empty.
 *
 * It has no `Path`: the browser then takes the directory of the address that it sees, which is
 * right behind any prefix of a proxy. Only the browser knows whether it speaks TLS, too, and says
 * so by `Origin`.
 */
export function formatSessionCookie(
  cookieName: string,
  sealed: string,
  { origin = '' }: IncomingHttpHeaders,
): string {
  const maxAge = sealed === '' ? 0 : sessionSeconds;
  const isSecure = /^https:/i.test(origin);
  return (
    `${cookieName}=${sealed}; Max-Age=${String(maxAge)}; HttpOnly; SameSite=Strict` +
    (isSecure ? '; Secure' : '')
  );
}
