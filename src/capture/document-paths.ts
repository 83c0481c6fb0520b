import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Path } from '../words.js';
import { findCandidates } from './candidates.js';
import { listNames, type Place } from './touched-paths.js';

/** Candidates of one document that are looked up. */
const maxCandidates = 5_000;

/**
 * The files that a document names, also those that are not on this host's disk: of each string the first reading that the database or
 * the disk knows.
 *
 * @param document as it is stored
 * @param lookUp tells which of these paths the database knows
 */
export async function findDocumentPaths(
  document: Record<string, unknown>, options: ResolvedPluginOptions, model: string, place: Place,
  lookUp: (paths: readonly Path[]) => Promise<(path: Path) => boolean>,
): Promise<Path[]> {
  const dirs = place.dirs();
  const readings: Path[][] = [];
  let count = 0;
  for (const { value } of listNames(document, options, model).strings) {
    const { direct, joined } = findCandidates(value, place.root.rootPath, options.syncDirs);
    const candidates = [...new Set([...direct, ...joined])].filter((path) => !dirs.isExcluded(path));
    if ((count += candidates.length) > maxCandidates) break;
    readings.push(candidates);
  }
  const isKnown = await lookUp([...new Set(readings.flat())]);
  const found = new Set<Path>();
  for (const candidates of readings) {
    const known = candidates.find(isKnown) ?? await findHere(candidates, place);
    if (known !== undefined) found.add(known);
  }
  return [...found];
}

async function findHere(candidates: readonly Path[], { root }: Place): Promise<Path | undefined> {
  for (const path of candidates) if (await root.observe(path).catch(() => undefined)) return path;
  return undefined;
}
