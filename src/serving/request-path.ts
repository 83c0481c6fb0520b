import { posix } from 'node:path';
import { isSafePath } from '../root/paths.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Path } from '../words.js';

/**
 * The path below the root that a request asks for; undefined where it may not be served: what is no safe path, lies in no sync dir,
 * is excluded, or is a dotfile.
 *
 * @param pathname of the URL below the mount, as it was sent. It is decoded and then normalised, as `express.static` does it: `//a.jpg`,
 *   `/./a.jpg`, `/x/../a.jpg` and `/%2Fa.jpg` are all `a.jpg`
 * @param base the served directory, relative to the root
 */
export function findRequestPath(pathname: string, base: string, dirs: SyncDirs, dotfiles: 'deny' | 'ignore' | 'allow'): Path | undefined {
  let below: string;
  try {
    below = posix.normalize(`./${decodeURIComponent(pathname)}`);
  } catch {
    return undefined;
  }
  const path = `${base}/${below}`;
  // Before anything is looked up by it: `..`, empty segments, NUL and our own folder are refused here.
  if (below === '' || !isSafePath(path) || dirs.isExcluded(path)) return undefined;
  return dotfiles !== 'allow' && (below.startsWith('.') || below.includes('/.')) ? undefined : path;
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
