import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import type { Path } from '../model/path.js';
import type { UnsyncedFile } from '../model/capture.js';
import { storedLimits } from './document-strings.js';
import { listNames, PathFinder, type PathContext } from './touched-paths.js';

/** How many paths one query looks up. */
const pathsPerQuery = 1_000;

/**
 * Finds the files that a document names, including files that are not on this host's disk. For
 * each string it returns every possible path that the database or the disk knows. Files on this
 * disk that are not synced are returned separately.
 *
 * @param document as the database stores it
 * @param lookUp returns which of these paths the database knows
 */
export async function findDocumentPaths(
  document: Record<string, unknown>,
  options: ResolvedPluginOptions,
  model: string,
  context: PathContext,
  lookUp: (paths: readonly Path[]) => Promise<(path: Path) => boolean>,
): Promise<{ paths: Path[]; unsynced: UnsyncedFile[] }> {
  const { strings } = listNames(document, options, model, storedLimits);
  const finder = new PathFinder(options, context),
    candidates = finder.listUnreferenced(strings.map(({ value }) => value));
  const found: Path[] = [];
  for (let at = 0; at < candidates.length; at += pathsPerQuery) {
    const some = candidates.slice(at, at + pathsPerQuery);
    const isKnown = await lookUp(some);
    for (const path of some) if (isKnown(path) || (await isOnDisk(path, context))) found.push(path);
  }
  return { paths: found, unsynced: await finder.listUnsynced(strings) };
}

async function isOnDisk(path: Path, { replica }: PathContext): Promise<boolean> {
  return (await replica.observe(path).catch(() => undefined)) !== undefined;
}
