import type { ClientSession, mongo } from 'mongoose';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import { nativeCollection } from '../database.js';
import type { PlainDocument, PluggedModel } from './capturing.js';

export interface ReadOptions {
  readonly session?: ClientSession | undefined;
  /** 0: all. */
  readonly limit: number;
  /** Documents in memory at a time; default 1,000. */
  readonly batchSize?: number;
  /** What the operation itself was given, so that the same documents are found: `sort`, `collation`, `hint`, `let`, `maxTimeMS`. */
  readonly like?: Readonly<Record<string, unknown>>;
}

const passedOn = ['sort', 'collation', 'hint', 'let', 'maxTimeMS'] as const;

/**
 * Documents as they are stored, from the primary and in the operation's session, one batch in memory at a time. By the driver and not
 * through Mongoose: the app's own find hooks may hide some and would run for a read that the app never asked for, its setters would run
 * once more, and its debug log would show it.
 */
export async function* readStored(collection: mongo.Collection, filter: PlainDocument, options: ResolvedPluginOptions, { session, limit, batchSize = 1_000, like = {} }: ReadOptions): AsyncGenerator<PlainDocument> {
  const given = Object.fromEntries(passedOn.filter((name) => like[name] !== undefined).map((name) => [name, like[name]]));
  const projection = listFields(options);
  yield* collection.find(filter, {
    ...given, limit, batchSize, readPreference: 'primary', ...(session && { session }), ...(projection && { projection }),
  });
}

/** The driver's collection of a model. @throws NO_CONNECTION */
export function storedOf(model: PluggedModel): mongo.Collection {
  return nativeCollection(model.db, model.collection.collectionName);
}

/** Whole top-level fields: nested names may be the same path twice, which MongoDB refuses. Undefined: everything. */
function listFields({ paths }: ResolvedPluginOptions): Record<string, 1> | undefined {
  if (paths === undefined || typeof paths === 'function') return undefined;
  return Object.fromEntries(paths.map((path) => [path.split('.', 1)[0] ?? path, 1] as const));
}
