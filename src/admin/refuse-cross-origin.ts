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
export function refuseForeign(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  if (
    site === undefined
      ? !isOwnOrigin(headers.origin, headers.host)
      : site !== 'same-origin' && site !== 'none'
  ) {
    throw new Refusal(403, 'FORBIDDEN', 'Changes are accepted from this origin only.');
  }
  // A form or a `no-cors` fetch cannot send this type, which excludes more pages of other sites.
  if (!/^application\/json *(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new Refusal(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'Send it with Content-Type: application/json.',
    );
  }
}

function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  if (host === undefined || !URL.canParse(origin)) return false;
  const { protocol, host: from } = new URL(origin);
  // The scheme is not compared: behind a proxy that ends TLS this process cannot know it. Parsing
  // drops the default port on both sides.
  return (
    URL.canParse(`${protocol}//${host}`) &&
    from !== '' &&
    from === new URL(`${protocol}//${host}`).host
  );
}
