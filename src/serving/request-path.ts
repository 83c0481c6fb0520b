import { posix } from 'node:path';
import { isSafePath, OWN_FOLDER } from '../replica/paths.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { Path } from '../model/path.js';

/**
 * Why a request path is not served. malformed: it cannot be decoded; outside: it leads out of the
 * served directory; missing: it is no safe path, lies in no sync dir, is excluded, or is a
 * dotfile.
 */
export type PathRefusal = 'malformed' | 'outside' | 'missing';

/** As a disk that ignores case takes it. Trash and conflicts lie there. */
const ownFolder = new RegExp(`(?:^|/)${OWN_FOLDER.replace('.', '\\.')}(?:/|$)`, 'iu');

/**
 * Returns the path below the root that a request asks for, or why it is refused.
 *
 * @param pathname of the URL below the mount, as it was sent. It is decoded and then normalised,
 *   as in `express.static`: `//a.jpg`, `/./a.jpg`, `/x/../a.jpg` and `/%2Fa.jpg` are all `a.jpg`
 * @param base the served directory, relative to the root
 */
export function resolveRequestPath(
  pathname: string,
  base: string,
  dirs: SyncDirs,
  dotfiles: 'deny' | 'ignore' | 'allow',
): { readonly path: Path } | { readonly refused: PathRefusal } {
  let pathBelow: string;
  try {
    pathBelow = posix.normalize(`./${decodeURIComponent(pathname)}`);
  } catch {
    return { refused: 'malformed' };
  }
  if (pathBelow.includes('\0')) return { refused: 'malformed' };
  if (pathBelow === '..' || pathBelow.startsWith('../')) return { refused: 'outside' };
  const path = `${base}/${pathBelow}`;
  // This check precedes any use of the path. It also refuses empty segments.
  if (pathBelow === '' || !isSafePath(path) || ownFolder.test(path) || dirs.isExcluded(path))
    return { refused: 'missing' };
  return dotfiles !== 'allow' && (pathBelow.startsWith('.') || pathBelow.includes('/.'))
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
