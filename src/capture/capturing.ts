import type { ClientSession, Connection, Model } from 'mongoose';
import type { Log } from '../log.js';
import type { Capture, HostId, Path, SavedBy, SyncDir, Unsynced } from '../words.js';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Outbox } from './outbox.js';
import type { Place } from './touched-paths.js';

export type PluggedModel = Model<unknown>;
/** A document as it is stored, or would be. */
export type PlainDocument = Record<string, unknown>;

/** Of a document, what hooks use; a schema without type parameters gives its hooks no better type. */
export interface PluggedDocument {
  readonly _id: unknown;
  $session(): ClientSession | null;
}

/** Hooks of a schema run for its subdocuments too; these are saved, and captured, with their parents. */
export function isSubdocument(document: object): boolean {
  return '$isSubdocument' in document && document.$isSubdocument === true;
}

/** What capturing needs of an initialised host. */
export interface Capturing extends Place {
  readonly hostId: HostId;
  readonly outbox: Outbox;
  /** Tells whoever folds that a capture is stored; must neither throw nor wait. */
  readonly handOver: (this: void, capture: Capture) => void;
  /**
   * Waits for copies of what a save captured, where its options ask for that. Rejects only where they want an error.
   *
   * @param absent paths that the documents may name besides: those that other hosts hold count too
   * @param unkept files that this host does not keep, so that no other host gets them
   */
  readonly awaitCopies: (this: void, captures: readonly Capture[], options: ResolvedPluginOptions, absent: readonly Path[], unkept: readonly Path[]) => Promise<void>;
  /** Told of each saved document that names files which this host does not sync; must neither throw nor wait. */
  readonly noteUnsynced: (this: void, savedBy: SavedBy, unsynced: readonly Unsynced[]) => void;
  /** Told of each saved document that names no file; must neither throw nor wait. */
  readonly noteUnnamed: (this: void, savedBy: SavedBy) => void;
  readonly log: Log;
  /** A capture that nobody was told of becomes due after these milliseconds. */
  readonly dueMs: number;
}

/** What the plugin is built with. */
export interface CaptureDeps {
  /** Before the names of our collections: the models of ours are not captured. */
  readonly collectionPrefix: string;
  /** Whether anything is captured on this machine. */
  initialised(this: void): boolean;
  /** Asked for each operation; undefined on a machine that is not initialised. */
  capturing(this: void, model: PluggedModel): Capturing | undefined;
  /** A plugged model was compiled, on `connection`. May throw: `mongoose.model()` then does. */
  onModel(this: void, model: PluggedModel, connection: Connection, options: ResolvedPluginOptions): void;
  /** A plugged model declares these sync dirs; `where` names it. May throw (RULES_DIFFER). */
  onDeclare(this: void, dirs: SyncDir[], where: string): void;
}
