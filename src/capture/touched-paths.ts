import { hasCode, messageOf, SyncMediaError } from '../errors/errors.js';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Root } from '../root/root.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Path } from '../words.js';
import { findCandidates } from './candidates.js';
import { collectFields, collectStrings, type DocumentStrings, type NamedString } from './document-strings.js';

/** Where paths are looked for. */
export interface Place {
  readonly root: Pick<Root, 'rootPath' | 'observe'>;
  /** The sync dirs of this host. */
  readonly dirs: (this: void) => SyncDirs;
}

export interface Touched {
  readonly paths: readonly Path[];
  /** What `paths` asked for and cannot be sent. */
  readonly refused: readonly (NamedString & { readonly why: string })[];
}

/** Longer strings of a document are no paths; what `paths` names has the limits of a path. */
const maxLength = 1_024;
const observersAtOnce = 16;

/**
 * The strings of a document that may name files, as the `paths` option says. Throws BAD_OPTION naming `model` where a `paths`
 * function throws or returns anything but strings.
 */
export function listNames(document: Record<string, unknown>, { paths }: ResolvedPluginOptions, model: string): DocumentStrings {
  if (paths === undefined) {
    const { strings, complete } = collectStrings(document);
    return { strings: strings.filter(({ value }) => value !== '' && value.length <= maxLength), complete };
  }
  if (typeof paths !== 'function') return collectFields(document, paths);
  let returned: unknown;
  try {
    returned = paths(document);
  } catch (error) {
    throw new SyncMediaError('BAD_OPTION', `model ${model}: the function given as \`paths\` threw: ${messageOf(error)}`, { cause: error });
  }
  if (!Array.isArray(returned) || returned.some((value) => typeof value !== 'string')) {
    throw new SyncMediaError('BAD_OPTION', `model ${model}: the function given as \`paths\` must return an array of strings.`);
  }
  const { strings, complete } = collectStrings(returned);
  return { strings: strings.map(({ value }) => ({ value, field: 'paths()' })), complete };
}

/**
 * The paths that these strings name. By default those of existing files; where `paths` asked for them, safe ones below a sync
 * dir need not exist yet. Excluded paths are left out.
 */
export async function findTouched(strings: readonly NamedString[], options: ResolvedPluginOptions, place: Place): Promise<Touched> {
  const asked = options.paths !== undefined;
  const refused: (NamedString & { why: string })[] = [];
  const found = await mapBounded(strings, async (string) => {
    if (string.value === '') return [];
    const { direct, joined, unsafe } = findCandidates(string.value, place.root.rootPath, options.syncDirs);
    const { path, why } = await observeFirst(keepSynced([...direct, ...joined], place), place);
    if (path !== undefined) return [path];
    if (!asked) return [];
    if (why === undefined && !unsafe && joined.length > 0) return keepSynced(direct.length > 0 ? direct.slice(0, 1) : joined, place);
    refused.push({ ...string, why: why ?? 'it leads out of the sync dirs or cannot be a path' });
    return [];
  });
  return { paths: [...new Set(found.flat())], refused };
}

/** What strings that a document held before may have named: an existing file, else every path they may mean (it may be gone already). */
export async function findLeft(values: readonly string[], options: ResolvedPluginOptions, place: Place): Promise<Path[]> {
  const found = await mapBounded(values, async (value) => {
    const { direct, joined } = findCandidates(value, place.root.rootPath, options.syncDirs);
    const candidates = keepSynced([...direct, ...joined], place);
    const { path } = await observeFirst(candidates, place);
    return path === undefined ? candidates : [path];
  });
  return [...new Set(found.flat())];
}

/** The first candidate that is a file here; `why` tells what stands in the way where something else lies there. */
async function observeFirst(candidates: readonly Path[], { root }: Place): Promise<{ path?: Path; why?: string }> {
  let why: string | undefined;
  for (const path of candidates) {
    try {
      if (await root.observe(path) !== undefined) return { path };
    } catch (error) {
      // What cannot be looked at now is not known to be wrong: the scan of its sync dir tells.
      if (hasCode(error, 'NOT_A_FILE') || hasCode(error, 'SYMLINK_IN_PATH')) why ??= messageOf(error);
    }
  }
  return why === undefined ? {} : { why };
}

/** Those below a sync dir of this host that no rule excludes; each once. */
function keepSynced(paths: readonly Path[], place: Place): Path[] {
  const dirs = place.dirs();
  return [...new Set(paths)].filter((path) => !dirs.isExcluded(path));
}

/** Like Promise.all over a map, with at most 16 under way. */
async function mapBounded<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await map(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(observersAtOnce, items.length) }, work));
  return results;
}
