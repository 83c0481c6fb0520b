import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';

/**
 * The folder in every sync dir for unfinished, replaced and recoverable files. No path of the
 * ledger lies in one.
 */
export const OWN_FOLDER = '.syncmedia';

/**
 * Half of the kernel's limit, since recoverable files have longer paths, and other hosts have
 * other roots. rsync also loses a name of more than 2,047 bytes in a list of names to fetch, and
 * then refuses the whole list (io.c, FILESFROM_BUFLEN).
 */
const MAX_PATH_BYTES = 2000;
const MAX_NAME_BYTES = 255;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Checks a path relative to the root and does not trim it: a name may hold any byte except `/`
 * and NUL.
 *
 * @throws BAD_PATH, naming the value and its fault
 */
export function requireSafePath(value: string): Path {
  const wrong = findPathFault(value);
  if (wrong !== undefined)
    throw new SyncMediaError(
      'BAD_PATH',
      `${quotePath(value)} ${wrong}: give a path relative to the root, below a sync dir.`,
    );
  return value as Path;
}

/** Whether `requireSafePath` accepts it. */
export function isSafePath(value: string): value is Path {
  return findPathFault(value) === undefined;
}

/** Whether it can be the name of one file or directory in another host's listing. */
export function isName(value: string): boolean {
  return !/[/\0]/.test(value) && findNameFault(value) === undefined;
}

/**
 * Returns the path of `absolute` relative to `root`, by name alone; undefined if it does not lie
 * below, or is not safe.
 */
export function toPathBelow(root: string, absolute: string): Path | undefined {
  const prefix = root.endsWith('/') ? root : `${root}/`;
  if (!absolute.startsWith(prefix)) return undefined;
  const rest = absolute.slice(prefix.length);
  return isSafePath(rest) ? rest : undefined;
}

/** Lists the parent directories of a path, the outermost first. */
export function listParentPaths(path: Path): Path[] {
  const names = path.split('/');
  return names.slice(1).map((_name, index) => names.slice(0, index + 1).join('/') as Path);
}

/** Quotes a path for messages: one line, unambiguous and short. */
export function quotePath(value: string): string {
  return JSON.stringify(value.length > 300 ? `${value.slice(0, 300)}…` : value);
}

function findPathFault(value: string): string | undefined {
  if (value === '') return 'is empty';
  if (value.startsWith('/')) return 'is absolute';
  if (value.includes('\0')) return 'holds a NUL';
  if (LONE_SURROGATE.test(value)) return 'holds a lone surrogate, which no UTF-8 name can hold';
  if (Buffer.byteLength(value) > MAX_PATH_BYTES)
    return `is longer than ${String(MAX_PATH_BYTES)} bytes`;
  for (const name of value.split('/')) {
    if (name === OWN_FOLDER) return `passes ${OWN_FOLDER}`;
    const wrong = findNameFault(name);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function findNameFault(name: string): string | undefined {
  if (name === '') return 'has an empty segment';
  if (name === '.' || name === '..') return `has a "${name}" segment`;
  return Buffer.byteLength(name) > MAX_NAME_BYTES
    ? `has a name longer than ${String(MAX_NAME_BYTES)} bytes`
    : undefined;
}
