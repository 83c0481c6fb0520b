import { messageOf } from '../errors/errors.js';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Named, Path } from '../words.js';
import { findCandidates, listMarks } from './candidates.js';
import type { PlainDocument, PluggedModel } from './capturing.js';
import { storedLimits } from './document-strings.js';
import { readStored, storedOf } from './stored-documents.js';
import { listNames } from './touched-paths.js';

export interface NamingModel { readonly model: PluggedModel; readonly options: ResolvedPluginOptions }

/** The server searches for at most so many names at once: it takes longer to search for more than to send every document. */
const maxSearched = 8;
/** Documents that are decoded without a pause: the process has requests to answer meanwhile. */
const batchSize = 200;

/**
 * Which of these paths some document of the plugged models still names. The documents are read by the functions that read a save, so
 * that whatever a save finds is found. The server leaves out only documents that cannot name any of the paths, whatever their shape;
 * where it cannot tell, every document is read.
 *
 * @param rootPaths the roots of all hosts
 * @param signal ends the reading, which then throws
 */
export async function findNamed(models: readonly NamingModel[], paths: readonly Path[], rootPaths: readonly string[], signal: AbortSignal): Promise<Named> {
  const named = new Set<Path>(), unjudged = new Map<Path, string>();
  // Models may come and go meanwhile.
  for (const { model, options } of [...models]) {
    const isBelow = (path: Path): boolean => options.syncDirs.some((dir) => path.startsWith(`${dir}/`));
    const wanted = new Set(paths.filter((path) => isBelow(path) && !named.has(path) && !unjudged.has(path)));
    if (wanted.size === 0) continue;
    const mayName = makeSearch(wanted);
    for await (const document of readAll(model, options, wanted)) {
      signal.throwIfAborted();
      try {
        for (const { value } of listNames(document, options, model.modelName, storedLimits).strings) {
          if (!mayName(value)) continue;
          const { direct, joined } = findCandidates(value, rootPaths, options.syncDirs);
          for (const path of [...direct, ...joined]) if (wanted.delete(path)) named.add(path);
        }
      } catch (error) {
        for (const path of wanted) unjudged.set(path, `${messageOf(error)} (document ${String(document['_id'])})`);
        wanted.clear();
      }
      if (wanted.size === 0) break;
    }
  }
  return { named, unjudged };
}

/** Whether this process reads the documents of a model that declared the sync dir. Those of a discriminator are read with its base's. */
export function isPlugged(models: readonly NamingModel[], name: string, dir: Path): boolean {
  return models.some(({ model: { modelName, discriminators = {} }, options }) => options.syncDirs.includes(dir) && (modelName === name || Object.hasOwn(discriminators, name)));
}

/** Documents of a model that may name one of the paths. Those of a discriminator are read with all of its collection. */
async function* readAll(model: PluggedModel, options: ResolvedPluginOptions, wanted: ReadonlySet<Path>): AsyncGenerator<PlainDocument> {
  const filter = makeFilter(options, wanted), limits = { limit: 0, batchSize };
  try {
    yield* readStored(storedOf(model), filter ?? {}, options, limits);
  } catch (error) {
    // A server may refuse to search, as in encrypted fields.
    if (filter === undefined) throw error;
    yield* readStored(storedOf(model), {}, options, limits);
  }
}

/**
 * Leaves out documents whose fields of `paths` hold neither a string with a mark nor an array or an object, in which the server cannot
 * search at every depth. Undefined where the strings may lie in any field, or are made by a function.
 */
function makeFilter({ paths }: ResolvedPluginOptions, wanted: ReadonlySet<Path>): PlainDocument | undefined {
  if (paths === undefined || typeof paths === 'function' || wanted.size > maxSearched) return undefined;
  const pattern = listMarks(wanted).map((mark) => mark.replace(/[!-/:-@[-`{-~]/g, '\\$&')).join('|');
  const fields = new Set(paths.map((path) => path.split('.', 1)[0] ?? path));
  return { $or: [...fields].flatMap((field) => [{ [field]: { $regex: pattern } }, { [field]: { $type: ['object', 'array', 'symbol'] } }]) };
}

/** Whether a string may name one of the paths, which is found out sooner than what it means. */
function makeSearch(wanted: ReadonlySet<Path>): (value: string) => boolean {
  if (wanted.size > maxSearched) return () => true;
  const marks = listMarks(wanted);
  return (value) => marks.some((mark) => value.includes(mark));
}
