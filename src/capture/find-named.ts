import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Path, SyncDir } from '../words.js';
import { findCandidates } from './candidates.js';
import type { PlainDocument, PluggedModel } from './capturing.js';
import { readStored } from './stored-documents.js';
import { listNames } from './touched-paths.js';

export interface NamingModel { readonly model: PluggedModel; readonly options: ResolvedPluginOptions }

/** Paths asked for in one query. */
const batch = 50;

/**
 * Which of these paths some document of the plugged models still names, in any of the forms in which apps store them. The server
 * looks for the files' names in the fields that the model declares as strings; a model that may keep strings elsewhere (Mixed, Map,
 * a `paths` function) is read whole, a batch in memory at a time. What is found is then read as the plugin reads a save.
 */
export async function findNamed(models: readonly NamingModel[], paths: readonly Path[], rootPath: string, dirOf: (path: Path) => SyncDir | undefined): Promise<Set<Path>> {
  const named = new Set<Path>();
  for (const { model, options } of models) {
    const own = paths.filter((path) => !named.has(path) && options.syncDirs.includes(dirOf(path)?.path ?? path));
    for (let at = 0; at < own.length; at += batch) {
      const some = new Set(own.slice(at, at + batch));
      for await (const document of readStored(model, prefilter(model, options, some), options, { limit: 0 })) {
        const { strings, complete } = listNames(document, options, model.modelName);
        // More than is looked at: it may name any of them.
        if (!complete) for (const path of some) named.add(path);
        for (const { value } of strings) {
          const { direct, joined } = findCandidates(value, rootPath, options.syncDirs);
          for (const path of [...direct, ...joined]) if (some.has(path)) named.add(path);
        }
      }
    }
  }
  return named;
}

/** Documents that may name one of the paths; all of them where the model's strings may lie anywhere. */
function prefilter(model: PluggedModel, { paths }: ResolvedPluginOptions, wanted: ReadonlySet<Path>): PlainDocument {
  const fields = typeof paths === 'function' ? undefined : paths ?? listStringFields(model.schema);
  if (fields === undefined || fields.length === 0) return {};
  const pattern = [...wanted].flatMap(spellName).map(escapeForRegex).join('|');
  return { $or: fields.map((field) => ({ [field]: { $regex: pattern, $options: 'i' } })) };
}

/** The file's own name as it may stand in a string: as it is, or percent-encoded in either way. */
function spellName(path: Path): string[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  // Other encodings of ASCII (`%61`) are legal and unheard of; a name that is not ASCII is looked for by its end alone.
  return [...new Set([name, encodeURI(name), encodeURIComponent(name)])];
}

function escapeForRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Dotted names of all fields that hold strings; undefined where some field may hold anything. */
function listStringFields(schema: PluggedModel['schema'], prefix = ''): string[] | undefined {
  const fields: string[] = [];
  for (const [name, type] of Object.entries(schema.paths)) {
    const inner = (type as { schema?: PluggedModel['schema'] }).schema;
    const caster = (type as { caster?: { instance?: string }; embeddedSchemaType?: { instance?: string } });
    const item = caster.embeddedSchemaType?.instance ?? caster.caster?.instance;
    if (inner) {
      const below = listStringFields(inner, `${prefix}${name}.`);
      if (!below) return undefined;
      fields.push(...below);
    } else if (type.instance === 'String' || (type.instance === 'Array' && item === 'String')) fields.push(prefix + name);
    else if (type.instance === 'Mixed' || type.instance === 'Map' || type.instance === 'Array') {
      if (type.instance === 'Array' && item !== undefined && item !== 'Mixed') continue;
      return undefined;
    }
  }
  // Strings that the schema does not know may be stored too.
  return schema.get('strict') === false || (schema.discriminators && Object.keys(schema.discriminators).length > 0) ? undefined : fields;
}
