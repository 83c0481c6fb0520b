import { posix } from 'node:path';
import { isSafePath } from '../root/paths.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Path } from '../words.js';

/**
 * Why a request's path is not looked for: it cannot be decoded; it leads out of the served directory; or nothing may be served by it, because
 * it is no safe path, lies in no sync dir, is excluded, or is a dotfile.
 */
export type RefusedPath = 'malformed' | 'outside' | 'missing';

/**
 * The path below the root that a request asks for, or why it is refused.
 *
 * @param pathname of the URL below the mount, as it was sent. It is decoded and then normalised, as `express.static` does it: `//a.jpg`,
 *   `/./a.jpg`, `/x/../a.jpg` and `/%2Fa.jpg` are all `a.jpg`
 * @param base the served directory, relative to the root
 */
export function findRequestPath(pathname: string, base: string, dirs: SyncDirs, dotfiles: 'deny' | 'ignore' | 'allow'): { readonly path: Path } | { readonly refused: RefusedPath } {
  let below: string;
  try {
    below = posix.normalize(`./${decodeURIComponent(pathname)}`);
  } catch {
    return { refused: 'malformed' };
  }
  if (below.includes('\0')) return { refused: 'malformed' };
  if (below === '..' || below.startsWith('../')) return { refused: 'outside' };
  const path = `${base}/${below}`;
  // Before anything is looked up by it: empty segments and our own folder are refused here, too.
  if (below === '' || !isSafePath(path) || dirs.isExcluded(path)) return { refused: 'missing' };
  return dotfiles !== 'allow' && (below.startsWith('.') || below.includes('/.')) ? { refused: 'missing' } : { path };
}

/** The pathname of a request below its mount; also of one that comes without Express, or names the whole URL. */
export function readPathname(url: string): string {
  const [pathname = ''] = url.split(/[?#]/, 1);
  if (pathname.startsWith('/')) return pathname;
  try {
    return new URL(url).pathname;
  } catch {
    return '';
  }
}
