import { isSafePath } from '../root/paths.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Path } from '../words.js';

/**
 * The path below the root that a request asks for; undefined where it may not be served: what is no safe path, lies in no sync dir,
 * is excluded, or is a dotfile.
 *
 * @param pathname of the URL below the mount, as it was sent
 * @param base the served directory, relative to the root
 */
export function findRequestPath(pathname: string, base: string, dirs: SyncDirs, dotfiles: 'deny' | 'allow'): Path | undefined {
  let below: string;
  try {
    below = decodeURIComponent(pathname.slice(1));
  } catch {
    return undefined;
  }
  const path = `${base}/${below}`;
  // Before anything is looked up by it: `..`, empty segments, NUL and our own folder are refused here.
  if (below === '' || !isSafePath(path) || dirs.isExcluded(path)) return undefined;
  return dotfiles === 'deny' && (below.startsWith('.') || below.includes('/.')) ? undefined : path;
}
