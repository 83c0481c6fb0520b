import { posix } from 'node:path';
import { toPathBelow, isSafePath } from '../replica/paths.js';
import type { Path } from '../model/path.js';

/**
 * The paths that a string of a document may mean. One string can name several files, and all of
 * them count.
 */
interface PathCandidates {
  /** The string as a path below a sync dir, most literal reading first. */
  readonly direct: readonly Path[];
  /** The string as a path relative to each sync dir. */
  readonly joined: readonly Path[];
  /** The string, or one reading of it, leaves its directory. */
  readonly unsafe: boolean;
}

/**
 * Apps store paths in many forms: relative to the root or to the sync dir, with a leading `/` or
 * `./`, absolute, as a URL, with percent escapes, or with backslashes for slashes. This function
 * tries all of them and omits unsafe paths. It is pure and reads no disk.
 *
 * @param roots the roots of all hosts, since any host may have saved a document with an absolute
 * path
 */
export function findPathCandidates(
  value: string,
  roots: readonly string[],
  dirs: readonly Path[],
): PathCandidates {
  const direct = new Set<Path>();
  const joined = new Set<Path>();
  let unsafe = false;
  for (const relative of listRelative(value, roots)) {
    if (!isSafePath(relative)) {
      unsafe ||= relative.includes('\0') || relative.split('/').includes('..');
      continue;
    }
    if (dirs.some((dir) => relative.startsWith(`${dir}/`))) direct.add(relative);
    for (const dir of dirs) {
      const below = `${dir}/${relative}`;
      if (isSafePath(below)) joined.add(below);
    }
  }
  return { direct: [...direct], joined: [...joined], unsafe };
}

/**
 * Marks to search for. A string that names one of the paths, in any form, contains at least one
 * of them: a file name, or the percent sign, since any character may be escaped. A string with a
 * mark may still mean something else.
 */
export function listSearchMarks(paths: Iterable<Path>): string[] {
  return [...new Set(['%', ...[...paths].map((path) => path.slice(path.lastIndexOf('/') + 1))])];
}

/**
 * All readings of the string as a path relative to the root, most literal first. None of them may
 * be safe.
 */
function listRelative(value: string, roots: readonly string[]): Set<string> {
  const relative = new Set<string>();
  for (const spelling of listSpellings(value)) {
    for (const root of roots) {
      const below = toPathBelow(root, spelling);
      if (below !== undefined) relative.add(below);
    }
    relative.add(spelling.replace(/^(?:\.?\/)+/, ''));
  }
  // `path.join` on Windows gives backslashes. On this system a name may contain one, so this
  // reading comes last.
  for (const spelling of [...relative])
    if (spelling.includes('\\'))
      relative.add(spelling.replaceAll('\\', '/').replace(/^(?:\.?\/)+/, ''));
  return relative;
}

/** Each spelling is a part of the string, perhaps unescaped. `listSearchMarks` depends on that. */
function listSpellings(value: string): Set<string> {
  const spellings = new Set<string>();
  const address = /^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]*/i.exec(value);
  // `//uploads/a.jpg` may be a path with a slash too many.
  if (!address || value.startsWith('/')) addSpellings(spellings, value, (path) => path);
  if (address)
    addSpellings(spellings, value.slice(address[0].length), (path) => posix.normalize(path));
  return spellings;
}

function addSpellings(
  spellings: Set<string>,
  value: string,
  asPath: (value: string) => string,
): void {
  // A `?` or `#` starts a query or a fragment, or is part of a name that was never escaped.
  const literal = [value, value.replace(/[?#].*$/s, '')];
  for (const spelling of literal) spellings.add(asPath(spelling));
  for (const spelling of literal)
    if (spelling.includes('%')) spellings.add(asPath(decodeEscapes(spelling)));
}

/** Invalid escapes, as in `100%.jpg`, stay as they are. */
function decodeEscapes(value: string): string {
  return value.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
