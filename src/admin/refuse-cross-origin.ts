import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from './refusal.js';

/**
 * Refuses a change that another site's page made a browser send (CSRF): browsers add Basic
 * credentials and cookies by themselves.
 *
 * No page can forge `Sec-Fetch-Site`. Older browsers send only `Origin`; programs send neither.
 * The order of the checks is that of Go's net/http CrossOriginProtection.
 *
 * @throws Refusal 403 or 415
 */
export function refuseCrossOrigin(headers: IncomingHttpHeaders): void {
  refuseOtherOrigins(headers);
  // A form or a `no-cors` fetch cannot send this type, which excludes more pages of other sites.
  if (!/^application\/json *(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new Refusal(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'Send it with Content-Type: application/json.',
    );
  }
}

/** @throws Refusal 403 */
export function refuseOtherOrigins(headers: IncomingHttpHeaders): void {
  const { 'sec-fetch-site': site, origin = '', host = '' } = headers;
  if (site === 'same-origin' || site === 'none') return;
  const message = 'This is accepted from the origin of the router only.';
  if (site !== undefined) throw new Refusal(403, 'FORBIDDEN', message);
  if (isSameOrigin(headers.origin, headers.host)) return;
  // Over plain HTTP browsers send no `Sec-Fetch-Site`, and nginx changes `Host` by default.
  throw new Refusal(
    403,
    'FORBIDDEN',
    `${message} The page is of ${quote(origin)}, and the request came to ${quote(host)}: if a ` +
      'proxy lies between, let it pass on the header Host, or speak HTTPS to browsers.',
  );
}

function quote(header: string): string {
  return JSON.stringify(header.slice(0, 300));
}

function isSameOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  if (host === undefined || !URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  // The scheme is not compared: behind a proxy that ends TLS this process cannot know it. Parsing
  // drops the default port on both sides.
  return (
    URL.canParse(`${protocol}//${host}`) &&
    originHost !== '' &&
    originHost === new URL(`${protocol}//${host}`).host
  );
}
