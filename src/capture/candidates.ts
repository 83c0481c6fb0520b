import { asPathBelow, isSafePath } from '../root/paths.js';
import type { Path } from '../words.js';

/** The paths that a string of a document may mean. */
export interface Candidates {
  /** What lies below a sync dir as the string has it, most literal first. */
  readonly direct: readonly Path[];
  /** The string taken as relative to each sync dir. */
  readonly joined: readonly Path[];
  /** The string, or one reading of it, leaves its directory. */
  readonly unsafe: boolean;
}

/**
 * Apps store paths in many forms: relative to the root or to the sync dir, with a leading `/` or `./`, absolute, as a URL, with
 * percent escapes. All of them are tried; what is not safe is left out. Pure: it looks at no disk.
 */
export function findCandidates(value: string, rootPath: string, dirs: readonly Path[]): Candidates {
  const direct = new Set<Path>();
  const joined = new Set<Path>();
  let unsafe = false;
  for (const spelling of listSpellings(value)) {
    const relative = asPathBelow(rootPath, spelling) ?? spelling.replace(/^(?:\.?\/)+/, '');
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

function listSpellings(value: string): Set<string> {
  const spellings = new Set([value]);
  const pathname = findPathname(value);
  if (pathname !== undefined) spellings.add(pathname);
  for (const spelling of [...spellings]) {
    const decoded = decode(spelling);
    if (decoded !== undefined) spellings.add(decoded);
  }
  return spellings;
}

/** The path of a URL, whole (`https://…`, `//cdn…`) or not (`/uploads/a.jpg?width=100`). */
function findPathname(value: string): string | undefined {
  if (!/^(?:[a-z][a-z0-9+.-]*:)?\/\//i.test(value)) return /[?#]/.test(value) ? value.replace(/[?#].*$/s, '') : undefined;
  try {
    return new URL(value, 'http://host').pathname;
  } catch {
    return undefined;
  }
}

function decode(value: string): string | undefined {
  if (!value.includes('%')) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
