import type { AdminAnswer } from '../admin-route.js';

/**
 * Returns a redirect to the same address with a slash at its end, or nothing if it has one. The
 * addresses in the page are relative to that.
 *
 * The redirect is relative, too, because a proxy may have removed a prefix. `./` keeps a segment
 * such as `a:b` from being taken for a scheme.
 */
export function redirectToSlash(address: string): AdminAnswer | undefined {
  const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(address) ?? [];
  if (path.endsWith('/')) return undefined;
  const segment = path.slice(path.lastIndexOf('/') + 1);
  return {
    status: 302,
    headers: { Location: `./${segment}/${query}`, Vary: 'Accept' },
  };
}
