import { hasCode, messageOf, SyncMediaError } from '../errors/errors.js';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Root } from '../root/root.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Path, Unsynced } from '../words.js';
import { findCandidates } from './candidates.js';
import type { PlainDocument } from './capturing.js';
import { collectFields, collectStrings, type DocumentStrings, type NamedString, operationLimits } from './document-strings.js';

/** Where paths are looked for. */
export interface Place {
  readonly root: Pick<Root, 'observe' | 'observeNow' | 'isNear' | 'hasFile'>;
  /** The roots of all hosts that are known, this one first: absolute paths in documents may be of any of them. */
  readonly rootPaths: (this: void) => readonly string[];
  /** The sync dirs of this host. */
  readonly dirs: (this: void) => SyncDirs;
}

export interface Touched {
  readonly paths: readonly Path[];
  /** What the strings may mean besides: files of other hosts, perhaps. */
  readonly absent: readonly Path[];
  /** What `paths` asked for and cannot be sent. */
  readonly refused: readonly (NamedString & { readonly why: string })[];
}

/** How one string can be read. */
interface Reading {
  /** Every path it may mean, most literal first. */
  readonly candidates: readonly Path[];
  /** Those of them that are paths below the root as they are; the others are relative to a sync dir. */
  readonly direct: readonly Path[];
  /** Paths that this host does not sync. */
  readonly unsynced: readonly Unsynced[];
  /** Why it cannot be sent at all. */
  readonly why?: string | undefined;
}

/** What is known of it: also which of its paths are files here. */
interface Meaning extends Reading { readonly files: readonly Path[] }

/** Longer strings of a document are no paths: a path has at most 2,000 bytes, three times that where all are percent-encoded. */
const maxLength = 16_384;
const observersAtOnce = 16;
/** Strings of one look that are looked at without another thread: more might keep everyone else waiting. */
const atOnceLimit = 32;

/**
 * The strings of a document that may name files, as the `paths` option says. Throws BAD_OPTION naming `model` where a `paths`
 * function throws or returns anything but strings.
 */
export function listNames(document: PlainDocument, { paths }: ResolvedPluginOptions, model: string, limits = operationLimits): DocumentStrings {
  if (paths === undefined) return listAnyNames(document, limits);
  if (typeof paths !== 'function') return collectFields(document, paths, limits);
  let returned: unknown;
  try {
    returned = paths(document);
  } catch (error) {
    throw new SyncMediaError('BAD_OPTION', `model ${model}: the function given as \`paths\` threw: ${messageOf(error)}`, { cause: error });
  }
  if (!Array.isArray(returned) || returned.some((value) => typeof value !== 'string')) {
    throw new SyncMediaError('BAD_OPTION', `model ${model}: the function given as \`paths\` must return an array of strings.`);
  }
  const { strings, complete } = collectStrings(returned, limits);
  return { strings: strings.map(({ value }) => ({ value, field: 'paths()' })), complete };
}

/** Every string of a document or an update that is short enough to name a file. */
export function listAnyNames(value: unknown, limits = operationLimits): DocumentStrings {
  const { strings, complete } = collectStrings(value, limits);
  return { strings: strings.filter((string) => string.value !== '' && string.value.length <= maxLength), complete };
}

/**
 * Finds the paths that strings mean, looking at each string once: many documents of one operation hold the same ones. One string
 * names every file that it can mean.
 */
export class PathFinder {
  private readonly meanings = new Map<string, Promise<Meaning>>();
  private readonly readings = new Map<string, Reading>();
  private readonly files = new Set<Path>();
  /** What was looked at a moment ago, and which paths were files then. */
  private before: { readonly readings: ReadonlyMap<string, Reading>; readonly files: ReadonlySet<Path> } = { readings: new Map(), files: new Set() };
  private looked = 0;

  /** @param asked whether the app said where its paths are: then safe ones below a sync dir need not exist yet */
  constructor(private readonly options: ResolvedPluginOptions, private readonly place: Place, private readonly asked = options.paths !== undefined) {}

  /** For a second look, at paths that were no files at the first: those that were are named still, and the fold looks at them anyway. */
  again(): PathFinder {
    const finder = new PathFinder(this.options, this.place, this.asked);
    finder.before = { readings: this.readings, files: this.files };
    return finder;
  }

  /** The paths that these strings name: those of existing files, and where they were asked for of ones to come. Excluded paths are left out. */
  async listTouched(strings: readonly NamedString[]): Promise<Touched> {
    const refused: (NamedString & { why: string })[] = [];
    const absent = new Set<Path>();
    const found = await mapBounded(strings, async (string) => {
      const meaning = await this.lookUp(string.value);
      const { candidates, files, why } = meaning;
      for (const path of candidates) absent.add(path);
      if (!this.asked) return files;
      if (why !== undefined && files.length === 0) refused.push({ ...string, why });
      return why === undefined ? [...files, ...this.listExpected(meaning)] : files;
    });
    const paths = [...new Set(found.flat())];
    for (const path of paths) absent.delete(path);
    return { paths, absent: [...absent], refused };
  }

  /** What strings that a document held before may have named: every path they can mean, as the files may be gone already. */
  listLeft(values: readonly string[]): Path[] {
    return [...new Set(values.flatMap((value) => this.read(value).candidates))];
  }

  /** Files that these strings name and this host does not sync. */
  async listUnsynced(strings: readonly NamedString[]): Promise<Unsynced[]> {
    const byPath = new Map(strings.flatMap(({ value }) => this.read(value).unsynced).map((one) => [one.path, one]));
    const found = await mapBounded([...byPath.values()], async (one) => await this.place.root.hasFile(one.path) ? [one] : []);
    return found.flat();
  }

  /** The paths of files that the app may be about to write: the most literal one, or one in each sync dir where none is yet. */
  private listExpected({ candidates, direct, files }: Meaning): readonly Path[] {
    if (direct.length > 0) return direct.some((path) => files.includes(path)) ? [] : direct.slice(0, 1);
    const dirs = this.place.dirs();
    const fulfilled = new Set(files.map((path) => dirs.of(path)));
    return candidates.filter((path) => !fulfilled.has(dirs.of(path)));
  }

  private lookUp(value: string): Promise<Meaning> {
    let meaning = this.meanings.get(value);
    if (meaning === undefined) this.meanings.set(value, meaning = this.observe(value));
    return meaning;
  }

  private async observe(value: string): Promise<Meaning> {
    const reading = this.read(value), { root } = this.place;
    let { why } = reading;
    const isAgain = this.before.readings.has(value), isOfFew = ++this.looked <= atOnceLimit;
    const files: Path[] = [];
    for (const path of reading.candidates) {
      try {
        const atOnce = isOfFew && (isAgain || root.isNear(path));
        if (this.before.files.has(path) || (atOnce ? root.observeNow(path) : await root.observe(path)) !== undefined) files.push(path);
      } catch (error) {
        // What cannot be looked at now is not known to be wrong: the scan of its sync dir tells.
        if (hasCode(error, 'NOT_A_FILE') || hasCode(error, 'SYMLINK_IN_PATH')) why ??= messageOf(error);
      }
    }
    for (const path of files) this.files.add(path);
    return { ...reading, files, why };
  }

  private read(value: string): Reading {
    const reading = this.before.readings.get(value) ?? this.readings.get(value) ?? this.readAnew(value);
    this.readings.set(value, reading);
    return reading;
  }

  private readAnew(value: string): Reading {
    if (value === '') return { candidates: [], direct: [], unsynced: [] };
    const { direct, joined, unsafe } = findCandidates(value, this.place.rootPaths(), this.options.syncDirs);
    const all = [...new Set([...direct, ...joined])], candidates = this.keepSynced(all);
    const synced = { candidates, direct: this.keepSynced(direct), unsynced: candidates.length === all.length ? [] : this.findUnsynced(all) };
    return unsafe || joined.length === 0 ? { ...synced, why: 'it leads out of the sync dirs or cannot be a path' } : synced;
  }

  private findUnsynced(paths: readonly Path[]): Unsynced[] {
    const dirs = this.place.dirs();
    return paths.flatMap((path) => dirs.explain(path) ?? []);
  }

  /** Those below a sync dir of this host that no rule excludes; each once. */
  private keepSynced(paths: readonly Path[]): Path[] {
    const dirs = this.place.dirs();
    return [...new Set(paths)].filter((path) => !dirs.isExcluded(path));
  }
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
