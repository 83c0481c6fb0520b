import { getErrorMessage } from '../model/errors.js';
import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import type { NamedPaths } from '../model/capture.js';
import type { Path } from '../model/path.js';
import { findPathCandidates, listSearchMarks } from './candidates.js';
import type { PlainDocument, PluggedModel } from './capturing.js';
import { storedLimits } from './document-strings.js';
import { readStoredDocuments, getStoredCollection } from './stored-documents.js';
import { listNames } from './touched-paths.js';

export interface NamingModel {
  readonly model: PluggedModel;
  readonly options: ResolvedPluginOptions;
}

/**
 * The server searches for at most this many names at once. Searching for more takes longer than
 * sending every document.
 */
const maxSearched = 8;
/**
 * How many documents are decoded without a pause, so that the process can answer other requests.
 */
const batchSize = 200;

/**
 * Finds which of these paths some document of the plugged models still names.
 *
 * The same functions read documents here and in a save, so this search finds every name that a save
 * finds. The server omits only documents that cannot name any of the paths, regardless of their
 * shape. If it cannot tell, every document is read.
 *
 * @param rootPaths the roots of all hosts
 * @param signal ends the search, which then throws
 */
export async function findNamedPaths(
  models: readonly NamingModel[],
  paths: readonly Path[],
  rootPaths: readonly string[],
  signal: AbortSignal,
): Promise<NamedPaths> {
  const named = new Set<Path>(),
    undetermined = new Map<Path, string>();
  // Models may come and go during the search.
  for (const { model, options } of [...models]) {
    const isBelow = (path: Path): boolean =>
      options.syncDirs.some((dir) => path.startsWith(`${dir}/`));
    const wanted = new Set(
      paths.filter((path) => isBelow(path) && !named.has(path) && !undetermined.has(path)),
    );
    if (wanted.size === 0) continue;
    const mayName = makeQuickCheck(wanted);
    for await (const document of readPossiblyNaming(model, options, wanted)) {
      signal.throwIfAborted();
      try {
        for (const { value } of listNames(document, options, model.modelName, storedLimits)
          .strings) {
          if (!mayName(value)) continue;
          const { direct, joined } = findPathCandidates(value, rootPaths, options.syncDirs);
          for (const path of [...direct, ...joined]) if (wanted.delete(path)) named.add(path);
        }
      } catch (error) {
        for (const path of wanted)
          undetermined.set(path, `${getErrorMessage(error)} (document ${String(document['_id'])})`);
        wanted.clear();
      }
      if (wanted.size === 0) break;
    }
  }
  return { named, undetermined };
}

/**
 * Whether this process reads the documents of a model that declared the sync dir. Documents of a
 * discriminator are read with those of its base model.
 */
export function isModelPlugged(models: readonly NamingModel[], name: string, dir: Path): boolean {
  return models.some(
    ({ model: { modelName, discriminators = {} }, options }) =>
      options.syncDirs.includes(dir) && (modelName === name || Object.hasOwn(discriminators, name)),
  );
}

/**
 * Documents of a model that may name one of the paths. For a discriminator these come from its
 * whole collection.
 */
async function* readPossiblyNaming(
  model: PluggedModel,
  options: ResolvedPluginOptions,
  wanted: ReadonlySet<Path>,
): AsyncGenerator<PlainDocument> {
  const filter = makeSearchFilter(options, wanted),
    limits = { limit: 0, batchSize };
  try {
    yield* readStoredDocuments(getStoredCollection(model), filter ?? {}, options, limits);
  } catch (error) {
    // A server may refuse the search, for example in encrypted fields.
    if (filter === undefined) throw error;
    yield* readStoredDocuments(getStoredCollection(model), {}, options, limits);
  }
}

/**
 * A filter for documents whose `paths` fields hold a string with a mark, or an array or object,
 * which the server cannot search at every depth. Undefined if any field may hold the strings, or
 * a function makes them.
 */
function makeSearchFilter(
  { paths }: ResolvedPluginOptions,
  wanted: ReadonlySet<Path>,
): PlainDocument | undefined {
  if (paths === undefined || typeof paths === 'function' || wanted.size > maxSearched)
    return undefined;
  const pattern = listSearchMarks(wanted)
    .map((mark) => mark.replace(/[!-/:-@[-`{-~]/g, '\\$&'))
    .join('|');
  const fields = new Set(paths.map((path) => path.split('.', 1)[0] ?? path));
  return {
    $or: [...fields].flatMap((field) => [
      { [field]: { $regex: pattern } },
      { [field]: { $type: ['object', 'array', 'symbol'] } },
    ]),
  };
}

/**
 * A quick check whether a string may name one of the paths. Finding all of its meanings takes
 * longer.
 */
function makeQuickCheck(wanted: ReadonlySet<Path>): (value: string) => boolean {
  if (wanted.size > maxSearched) return () => true;
  const marks = listSearchMarks(wanted);
  return (value) => marks.some((mark) => value.includes(mark));
}
