import type { ClientSession, Connection, Model } from 'mongoose';
import type { Log } from '../model/log.js';
import type { Capture, DocumentRef, UnsyncedFile } from '../model/capture.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import type { Outbox } from './outbox.js';
import type { PathContext } from './touched-paths.js';

export type PluggedModel = Model<unknown>;
/** A document as the database stores it, or would store it. */
export type PlainDocument = Record<string, unknown>;

/**
 * The members of a document that hooks use. A schema without type parameters gives its hooks no
 * better type.
 */
export interface PluggedDocument {
  readonly _id: unknown;
  $session(): ClientSession | null;
}

/** Hooks of a schema also run for subdocuments. Their parents save and capture these. */
export function isSubdocument(document: object): boolean {
  return '$isSubdocument' in document && document.$isSubdocument === true;
}

/** What captures need from an initialised host. */
export interface CaptureContext extends PathContext {
  readonly hostId: HostId;
  readonly outbox: Outbox;
  /** Passes a stored capture to the leader. Must neither throw nor wait. */
  readonly handOver: (this: void, capture: Capture) => void;
  /**
   * Waits for copies of the captured files if the options of the model ask for that. Rejects only
   * if they ask for an error.
   *
   * @param absent other paths that the documents may name; files that other hosts hold there
   * count too
   * @param unsyncedHere files that this host does not sync, so that no other host receives them
   */
  readonly awaitCopies: (
    this: void,
    captures: readonly Capture[],
    options: ResolvedPluginOptions,
    absent: readonly Path[],
    unsyncedHere: readonly Path[],
  ) => Promise<void>;
  /**
   * Called for each saved document that names files which this host does not sync. Must neither
   * throw nor wait.
   */
  readonly reportUnsynced: (
    this: void,
    savedBy: DocumentRef,
    unsynced: readonly UnsyncedFile[],
  ) => void;
  /** Called for each saved document that names no file. Must neither throw nor wait. */
  readonly reportUnnamed: (this: void, savedBy: DocumentRef) => void;
  readonly log: Log;
  /** Milliseconds after which a capture becomes due if no process was told of it. */
  readonly dueMs: number;
}

/** Everything that the plugin is built with. */
export interface CaptureDeps {
  /** Prefix of this package's own collections. Their models are not captured. */
  readonly collectionPrefix: string;
  /** Whether this machine captures anything. */
  initialised(this: void): boolean;
  /** Called for each operation. Undefined on a machine that is not initialised. */
  getContext(this: void, model: PluggedModel): CaptureContext | undefined;
  /**
   * Called after a plugged model was compiled on `connection`. If it throws, `mongoose.model()`
   * throws.
   */
  onModel(
    this: void,
    model: PluggedModel,
    connection: Connection,
    options: ResolvedPluginOptions,
  ): void;
  /**
   * Called if a plugged model declares these sync dirs; `where` names the model. May throw
   * RULES_DIFFER.
   */
  onDeclare(this: void, dirs: SyncDir[], where: string): void;
}
