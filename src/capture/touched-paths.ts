import { hasErrorCode, getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import type { Replica } from '../replica/replica.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { Path } from '../model/path.js';
import type { UnsyncedFile } from '../model/capture.js';
import { isFreshFile } from '../decisions/file-state.js';
import { mapConcurrently } from '../util/map-concurrently.js';
import { findPathCandidates } from './candidates.js';
import type { PlainDocument } from './capturing.js';
import {
  collectFields,
  collectStrings,
  type DocumentStrings,
  type FieldString,
  operationLimits,
} from './document-strings.js';

/** Where paths are looked up. */
export interface PathContext {
  readonly replica: Pick<Replica, 'observe' | 'observeSynchronously' | 'isOnLocalDisk' | 'hasFile'>;
  /**
   * The roots of all known hosts, this one first. Absolute paths in documents may belong to any
   * of them.
   */
  readonly rootPaths: (this: void) => readonly string[];
  /** The sync dirs of this host. */
  readonly dirs: (this: void) => SyncDirs;
}

export interface TouchedPaths {
  readonly paths: readonly Path[];
  /** Other paths that the strings may mean, perhaps of files on other hosts. */
  readonly absent: readonly Path[];
  /** Strings at the fields of `paths` that cannot be sent. */
  readonly refused: readonly (FieldString & { readonly why: string })[];
  /** Whether each file among them was written a moment ago, as far as this finder has seen it. */
  readonly areFresh: boolean;
}

/** The possible meanings of one string. */
interface StringReading {
  /** Every path that it may mean, most literal first. */
  readonly candidates: readonly Path[];
  /**
   * Candidates that are paths below the root as they are. The others are relative to a sync dir.
   */
  readonly direct: readonly Path[];
  /** Paths that this host does not sync. */
  readonly unsynced: readonly UnsyncedFile[];
  /** Why it cannot be sent at all. */
  readonly why?: string | undefined;
}

/** A string with those of its paths that are files here. */
interface StringMeaning extends StringReading {
  readonly files: readonly Path[];
}

/**
 * Longer strings name no file: a path has at most 2,000 bytes, three times that if all are
 * percent-encoded.
 */
const maxStringLength = 16_384;
const observersAtOnce = 16;
/**
 * How many strings of one lookup are checked synchronously. More could block the process for too
 * long.
 */
const synchronousLimit = 32;

/**
 * The strings of a document that may name files, by the `paths` option. Throws BAD_OPTION naming
 * `model` if a `paths` function throws or returns anything but strings.
 */
export function listNames(
  document: PlainDocument,
  { paths }: ResolvedPluginOptions,
  model: string,
  limits = operationLimits,
): DocumentStrings {
  if (paths === undefined) return listAnyNames(document, limits);
  if (typeof paths !== 'function') return collectFields(document, paths, limits);
  let returned: unknown;
  try {
    returned = paths(document);
  } catch (error) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `model ${model}: the function given as \`paths\` threw: ${getErrorMessage(error)}`,
      { cause: error },
    );
  }
  if (!Array.isArray(returned) || returned.some((value) => typeof value !== 'string')) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `model ${model}: the function given as \`paths\` must return an array of strings.`,
    );
  }
  const { strings, complete } = collectStrings(returned, limits);
  return { strings: strings.map(({ value }) => ({ value, field: 'paths()' })), complete };
}

/** Every string of a document or an update that is short enough to name a file. */
export function listAnyNames(value: unknown, limits = operationLimits): DocumentStrings {
  const { strings, complete } = collectStrings(value, limits);
  return {
    strings: strings.filter(
      (string) => string.value !== '' && string.value.length <= maxStringLength,
    ),
    complete,
  };
}

/**
 * Finds the paths that strings mean. It checks each string once, because many documents of one
 * operation hold the same ones. A string names every file that it can mean.
 */
export class PathFinder {
  private readonly meanings = new Map<string, Promise<StringMeaning>>();
  private readonly readings = new Map<string, StringReading>();
  private readonly files = new Set<Path>();
  private readonly older = new Set<Path>();
  /** The strings of the previous lookup, and the paths that were files then. */
  private before: {
    readonly readings: ReadonlyMap<string, StringReading>;
    readonly files: ReadonlySet<Path>;
  } = { readings: new Map(), files: new Set() };
  private lookups = 0;

  /**
   * @param isExplicit whether the app said where its paths are; safe ones below a sync dir then
   *   need not exist yet
   */
  constructor(
    private readonly options: ResolvedPluginOptions,
    private readonly context: PathContext,
    private readonly isExplicit = options.paths !== undefined,
  ) {}

  /**
   * A finder for a second lookup, which checks only paths that were no files at the first. The
   * others are still named, and the outbox processor checks them anyway.
   */
  prepareSecondLookup(): PathFinder {
    const finder = new PathFinder(this.options, this.context, this.isExplicit);
    finder.before = { readings: this.readings, files: this.files };
    return finder;
  }

  /**
   * The paths that these strings name: existing files, and expected ones if the app said where
   * its paths are. Excluded paths are omitted.
   */
  async listTouched(strings: readonly FieldString[]): Promise<TouchedPaths> {
    const refused: (FieldString & { why: string })[] = [];
    const absent = new Set<Path>();
    const found = await mapConcurrently(strings, observersAtOnce, async (string) => {
      const meaning = await this.lookUp(string.value);
      const { candidates, files, why } = meaning;
      for (const path of candidates) absent.add(path);
      if (!this.isExplicit) return files;
      if (why !== undefined && files.length === 0) refused.push({ ...string, why });
      return why === undefined ? [...files, ...this.listExpected(meaning)] : files;
    });
    const paths = [...new Set(found.flat())];
    for (const path of paths) absent.delete(path);
    const areFresh = paths.every((path) => !this.older.has(path));
    return { paths, absent: [...absent], refused, areFresh };
  }

  /**
   * The paths that strings of an earlier document may have named. All possible paths count, as
   * the files may be gone already.
   */
  listUnreferenced(values: readonly string[]): Path[] {
    return [...new Set(values.flatMap((value) => this.readString(value).candidates))];
  }

  /** Files that these strings name and this host does not sync. */
  async listUnsynced(strings: readonly FieldString[]): Promise<UnsyncedFile[]> {
    const byPath = new Map(
      strings.flatMap(({ value }) => this.readString(value).unsynced).map((one) => [one.path, one]),
    );
    const found = await mapConcurrently([...byPath.values()], observersAtOnce, async (one) =>
      (await this.context.replica.hasFile(one.path)) ? [one] : [],
    );
    return found.flat();
  }

  /**
   * Paths that the app may be about to write: the most literal one, or one in each sync dir that
   * has no such file yet.
   */
  private listExpected({ candidates, direct, files }: StringMeaning): readonly Path[] {
    if (direct.length > 0)
      return direct.some((path) => files.includes(path)) ? [] : direct.slice(0, 1);
    const dirs = this.context.dirs();
    const fulfilled = new Set(files.map((path) => dirs.findFor(path)));
    return candidates.filter((path) => !fulfilled.has(dirs.findFor(path)));
  }

  private lookUp(value: string): Promise<StringMeaning> {
    let meaning = this.meanings.get(value);
    if (meaning === undefined) this.meanings.set(value, (meaning = this.observe(value)));
    return meaning;
  }

  private async observe(value: string): Promise<StringMeaning> {
    const reading = this.readString(value),
      { replica } = this.context;
    let { why } = reading;
    const isAgain = this.before.readings.has(value),
      isOfFew = ++this.lookups <= synchronousLimit;
    const files: Path[] = [];
    for (const path of reading.candidates) {
      try {
        const isSynchronous = isOfFew && (isAgain || replica.isOnLocalDisk(path));
        if (this.before.files.has(path)) {
          files.push(path);
          continue;
        }
        const info = isSynchronous
          ? replica.observeSynchronously(path)
          : await replica.observe(path);
        if (info === undefined) continue;
        files.push(path);
        if (!isFreshFile(info, Date.now())) this.older.add(path);
      } catch (error) {
        // A path that cannot be checked now may still be right. The scan of its sync dir reports
        // it.
        if (hasErrorCode(error, 'NOT_A_FILE') || hasErrorCode(error, 'SYMLINK_IN_PATH'))
          why ??= getErrorMessage(error);
      }
    }
    for (const path of files) this.files.add(path);
    return { ...reading, files, why };
  }

  private readString(value: string): StringReading {
    const reading =
      this.before.readings.get(value) ?? this.readings.get(value) ?? this.parseString(value);
    this.readings.set(value, reading);
    return reading;
  }

  private parseString(value: string): StringReading {
    if (value === '') return { candidates: [], direct: [], unsynced: [] };
    const { direct, joined, unsafe } = findPathCandidates(
      value,
      this.context.rootPaths(),
      this.options.syncDirs,
    );
    const all = [...new Set([...direct, ...joined])],
      candidates = this.keepSynced(all);
    const synced = {
      candidates,
      direct: this.keepSynced(direct),
      unsynced: candidates.length === all.length ? [] : this.findUnsynced(all),
    };
    return unsafe || joined.length === 0
      ? { ...synced, why: 'it leads out of the sync dirs or cannot be a path' }
      : synced;
  }

  private findUnsynced(paths: readonly Path[]): UnsyncedFile[] {
    const dirs = this.context.dirs();
    return paths.flatMap((path) => dirs.explainUnsynced(path) ?? []);
  }

  /** Paths below a sync dir of this host that no rule excludes, without duplicates. */
  private keepSynced(paths: readonly Path[]): Path[] {
    const dirs = this.context.dirs();
    return [...new Set(paths)].filter((path) => !dirs.isExcluded(path));
  }
}
