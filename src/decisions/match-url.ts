import type { Path } from '../model/path.js';

/** The most paths that one address is tried as. */
const maxPaths = 200;

/**
 * Lists the paths that a public address may mean, the likeliest first. The address has an end in
 * common with the path, but where the application mounts its files is known to it alone. So a sync
 * dir whose whole name is part of the address comes first, then the directories that
 * `serveMedia` serves, then the sync dirs with each end of the address below them.
 *
 * @param address a URL or the path of one, percent-encoded
 * @param dirs the sync dirs
 * @param served the directories that are served, relative to the root
 */
export function listPathsOfAddress(
  address: string,
  dirs: readonly Path[],
  served: readonly string[],
): string[] {
  const ends = listEnds(readSegments(address));
  const liesInDir = (path: string): boolean => dirs.some((dir) => path.startsWith(`${dir}/`));
  const below = (base: string): string[] => ends.map((end) => `${base}/${end}`);
  const paths = [...ends, ...served.flatMap(below), ...dirs.flatMap(below)].filter(liesInDir);
  return [...new Set(paths)].slice(0, maxPaths);
}

function readSegments(address: string): string[] {
  if (!URL.canParse(address, 'http://host')) return [];
  try {
    return new URL(address, 'http://host').pathname
      .split('/')
      .filter((segment) => segment !== '')
      .map(decodeURIComponent);
  } catch {
    return [];
  }
}

/** All ends of a list of segments, the longest first. */
function listEnds(segments: readonly string[]): string[] {
  // A segment that holds an encoded slash is no name of a file.
  if (segments.some((segment) => segment.includes('/'))) return [];
  return segments.map((_, index) => segments.slice(index).join('/'));
}
