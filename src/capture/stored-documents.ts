import type { ClientSession, mongo } from 'mongoose';
import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import { getNativeCollection } from '../util/collections.js';
import type { PlainDocument, PluggedModel } from './capturing.js';

export interface StoredReadOptions {
  readonly session?: ClientSession | undefined;
  /** 0 means all. */
  readonly limit: number;
  /** How many documents are in memory at a time. Default 1,000. */
  readonly batchSize?: number;
  /**
   * Options of the operation itself, so that the read finds the same documents: `sort`,
   * `collation`, `hint`, `let`, `maxTimeMS`.
   */
  readonly like?: Readonly<Record<string, unknown>>;
}

const passedOnOptions = ['sort', 'collation', 'hint', 'let', 'maxTimeMS'] as const;

/**
 * Reads documents as the database stores them, from the primary and in the operation's session,
 * with one batch in memory at a time. It uses the driver instead of Mongoose. The app's find
 * hooks could hide documents and would run for a read that the app did not make. Its setters
 * would run again, and its debug log would show the read.
 */
export async function* readStoredDocuments(
  collection: mongo.Collection,
  filter: PlainDocument,
  options: ResolvedPluginOptions,
  { session, limit, batchSize = 1_000, like = {} }: StoredReadOptions,
): AsyncGenerator<PlainDocument> {
  const given = Object.fromEntries(
    passedOnOptions.filter((name) => like[name] !== undefined).map((name) => [name, like[name]]),
  );
  const projection = makeProjection(options);
  yield* collection.find(filter, {
    ...given,
    limit,
    batchSize,
    readPreference: 'primary',
    ...(session && { session }),
    ...(projection && { projection }),
  });
}

/**
 * The driver's collection of a model.
 * @throws NO_CONNECTION
 */
export function getStoredCollection(model: PluggedModel): mongo.Collection {
  return getNativeCollection(model.db, model.collection.collectionName);
}

/**
 * A projection of whole top-level fields. Nested names could overlap, which MongoDB refuses.
 * Undefined means everything.
 */
function makeProjection({ paths }: ResolvedPluginOptions): Record<string, 1> | undefined {
  if (paths === undefined || typeof paths === 'function') return undefined;
  return Object.fromEntries(paths.map((path) => [path.split('.', 1)[0] ?? path, 1] as const));
}
