import { hasCode, messageOf, SyncMediaError } from '../errors/errors.js';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Root } from '../root/root.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Path } from '../words.js';
import { findCandidates } from './candidates.js';
import type { PlainDocument } from './capturing.js';
import { collectFields, collectStrings, type DocumentStrings, type NamedString } from './document-strings.js';

/** Where paths are looked for. */
export interface Place {
  readonly root: Pick<Root, 'rootPath' | 'observe' | 'observeNow' | 'isNear'>;
  /** The sync dirs of this host. */
  readonly dirs: (this: void) => SyncDirs;
}

export interface Touched {
  readonly paths: readonly Path[];
  /** What `paths` asked for and cannot be sent. */
  readonly refused: readonly (NamedString & { readonly why: string })[];
}

/** How one string can be read. */
interface Reading {
  /** Every path it may mean, most literal first. */
  readonly candidates: readonly Path[];
  /** What it means where no file is there yet. */
  readonly expected: readonly Path[];
  /** Why it cannot be sent at all. */
  readonly why?: string | undefined;
}

/** What is known of it: also the first of its paths that is a file here. */
interface Meaning extends Reading { readonly file?: Path }

/** Longer strings of a document are no paths; what `paths` names has the limits of a path. */
const maxLength = 1_024;
const observersAtOnce = 16;
/** Strings of one look that are looked at without another thread: more might keep everyone else waiting. */
const atOnceLimit = 32;

/**
 * The strings of a document that may name files, as the `paths` option says. Throws BAD_OPTION naming `model` where a `paths`
 * function throws or returns anything but strings.
 */
export function listNames(document: PlainDocument, { paths }: ResolvedPluginOptions, model: string): DocumentStrings {
  if (paths === undefined) return listAnyNames(document);
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

/** Every string of a document or an update that is short enough to name a file. */
export function listAnyNames(value: unknown): DocumentStrings {
  const { strings, complete } = collectStrings(value);
  return { strings: strings.filter((string) => string.value !== '' && string.value.length <= maxLength), complete };
}

/** Finds the paths that strings mean, looking at each string once: many documents of one operation hold the same ones. */
export class PathFinder {
  private readonly meanings = new Map<string, Promise<Meaning>>();
  private readonly files = new Map<string, Meaning>();
  private readonly readings = new Map<string, Reading>();
  /** Strings whose paths were looked at a moment ago. */
  private before: ReadonlyMap<string, Reading> = new Map();
  private looked = 0;

  /** @param asked whether the app said where its paths are: then safe ones below a sync dir need not exist yet */
  constructor(private readonly options: ResolvedPluginOptions, private readonly place: Place, private readonly asked = options.paths !== undefined) {}

  /** For a second look, at strings that named no file at the first: those that did name it still, and the fold looks at it anyway. */
  again(): PathFinder {
    const finder = new PathFinder(this.options, this.place, this.asked);
    finder.before = this.readings;
    for (const [value, meaning] of this.files) finder.meanings.set(value, Promise.resolve(meaning));
    return finder;
  }

  /** The paths that these strings name: those of existing files, and where they were asked for of ones to come. Excluded paths are left out. */
  async listTouched(strings: readonly NamedString[]): Promise<Touched> {
    const refused: (NamedString & { why: string })[] = [];
    const found = await mapBounded(strings, async (string) => {
      const { file, expected, why } = await this.lookUp(string.value);
      if (file !== undefined) return [file];
      if (this.asked && why !== undefined) refused.push({ ...string, why });
      return this.asked ? expected : [];
    });
    return { paths: [...new Set(found.flat())], refused };
  }

  /** What strings that a document held before may have named: an existing file, else every path they may mean (it may be gone already). */
  async listLeft(values: readonly string[]): Promise<Path[]> {
    const found = await mapBounded(values, async (value) => {
      const { file, candidates } = await this.lookUp(value);
      return file === undefined ? candidates : [file];
    });
    return [...new Set(found.flat())];
  }

  private lookUp(value: string): Promise<Meaning> {
    let meaning = this.meanings.get(value);
    if (meaning === undefined) {
      this.meanings.set(value, meaning = this.observe(value).then((found) => {
        if (found.file !== undefined) this.files.set(value, found);
        return found;
      }));
    }
    return meaning;
  }

  private async observe(value: string): Promise<Meaning> {
    const reading = this.read(value), { root } = this.place;
    let why: string | undefined;
    const isAgain = this.before.has(value), isOfFew = ++this.looked <= atOnceLimit;
    for (const path of reading.candidates) {
      try {
        const atOnce = isOfFew && (isAgain || root.isNear(path));
        if ((atOnce ? root.observeNow(path) : await root.observe(path)) !== undefined) return { file: path, candidates: reading.candidates, expected: [] };
      } catch (error) {
        // What cannot be looked at now is not known to be wrong: the scan of its sync dir tells.
        if (hasCode(error, 'NOT_A_FILE') || hasCode(error, 'SYMLINK_IN_PATH')) why ??= messageOf(error);
      }
    }
    return why === undefined ? reading : { candidates: reading.candidates, expected: [], why };
  }

  private read(value: string): Reading {
    const reading = this.before.get(value) ?? this.readAnew(value);
    this.readings.set(value, reading);
    return reading;
  }

  private readAnew(value: string): Reading {
    if (value === '') return { candidates: [], expected: [] };
    const { direct, joined, unsafe } = findCandidates(value, this.place.root.rootPath, this.options.syncDirs);
    const candidates = this.keepSynced([...direct, ...joined]);
    if (unsafe || joined.length === 0) return { candidates, expected: [], why: 'it leads out of the sync dirs or cannot be a path' };
    return { candidates, expected: this.keepSynced(direct.length > 0 ? direct.slice(0, 1) : joined) };
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
