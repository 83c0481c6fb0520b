import { posix } from 'node:path';
import { isSafePath } from '../replica/paths.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { Path } from '../model/words.js';

/**
 * Why a request path is not served. malformed: it cannot be decoded; outside: it leads out of the
 * served directory; missing: it is no safe path, lies in no sync dir, is excluded, or is a
 * dotfile.
 */
export type RefusedPath = 'malformed' | 'outside' | 'missing';

/**
 * Returns the path below the root that a request asks for, or why it is refused.
 *
 * @param pathname of the URL below the mount, as it was sent. It is decoded and then normalised,
 *   as in `express.static`: `//a.jpg`, `/./a.jpg`, `/x/../a.jpg` and `/%2Fa.jpg` are all `a.jpg`
 * @param base the served directory, relative to the root
 */
export function findRequestPath(
  pathname: string,
  base: string,
  dirs: SyncDirs,
  dotfiles: 'deny' | 'ignore' | 'allow',
): { readonly path: Path } | { readonly refused: RefusedPath } {
  let below: string;
  try {
    below = posix.normalize(`./${decodeURIComponent(pathname)}`);
  } catch {
    return { refused: 'malformed' };
  }
  if (below.includes('\0')) return { refused: 'malformed' };
  if (below === '..' || below.startsWith('../')) return { refused: 'outside' };
  const path = `${base}/${below}`;
  // This check precedes any use of the path. It also refuses empty segments and `.syncmedia`.
  if (below === '' || !isSafePath(path) || dirs.isExcluded(path)) return { refused: 'missing' };
  return dotfiles !== 'allow' && (below.startsWith('.') || below.includes('/.'))
    ? { refused: 'missing' }
    : { path };
}

/**
 * Returns the pathname of a request below its mount. Also accepts absolute URLs and requests that
 * did not pass through Express.
 */
export function readPathname(url: string): string {
  const [pathname = ''] = url.split(/[?#]/, 1);
  if (pathname.startsWith('/')) return pathname;
  try {
    return new URL(url).pathname;
  } catch {
    return '';
  }
}
