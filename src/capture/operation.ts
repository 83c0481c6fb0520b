import type { ClientSession, mongo } from 'mongoose';
import { getErrorMessage } from '../model/errors.js';
import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import { quotePath } from '../replica/paths.js';
import type { Capture, DocumentRef } from '../model/capture.js';
import type { CaptureContext, PluggedModel } from './capturing.js';
import { type CaptureContent, coversContents, makeCaptures } from './make-captures.js';
import { isConnectionError, type WriteEffect } from './nothing-written.js';
import type { CommitWatch } from './session-commit.js';
import type { TouchedPaths } from './touched-paths.js';

/** Reads from the driver's answer what was written. */
export interface EffectReader {
  fromError(this: void, error: unknown): WriteEffect;
  fromResult(this: void, result: unknown): WriteEffect;
}

/** The answer of a write. `nothing` means that it proves that nothing was written. */
interface WriteAnswer {
  readonly result: unknown;
  readonly nothing: boolean;
}

const connectedState = 1;

/** An operation warns of at most this many refused names. */
const maxWarnings = 10;

/**
 * One operation of a plugged model, captured once. It is announced in the outbox before the
 * write, so that a crash in between loses nothing; or beside the write, if a scan finds the same
 * after a crash. After the write it is concluded with what was really written. An operation that
 * is announced before rejects if that fails, because every acknowledged file must be delivered.
 */
export class Operation {
  private announced: readonly CaptureContent[] = [];
  private captures: readonly Capture[] = [];
  /** The term of the primary that has the announcement. Undefined if the majority has it. */
  private primaryTerm: string | undefined;
  /** The end of an announcement beside the write. Never rejects. */
  private announcing:
    Promise<{ readonly primaryTerm?: string | undefined; readonly error?: unknown }> | undefined;
  private rescans = true;
  private warnings = 0;

  /** @param collection where it writes; undefined until the driver is called */
  constructor(
    readonly model: PluggedModel,
    readonly options: ResolvedPluginOptions,
    readonly context: CaptureContext,
    public session: ClientSession | undefined,
    private readonly commits: CommitWatch,
    private collection?: mongo.Collection,
  ) {}

  /** The driver is called, so collection and session are certain now. */
  enterDriverCall(collection: mongo.Collection, session: ClientSession | undefined): void {
    this.collection = collection;
    this.session = session;
  }

  /** Whether paths that documents no longer name matter. */
  get propagates(): boolean {
    return this.options.onDelete === 'propagate';
  }

  savedBy(id: unknown): DocumentRef {
    return { model: this.model.modelName, id: String(id) };
  }

  /**
   * Announces and writes, one after the other or both at once. Withdraws the announcement if the
   * answer proves that nothing was written. After a partial failure the announcement is handed over
   * at once. If the result is unknown, it becomes due by itself.
   */
  async announceAndWrite(
    contents: readonly CaptureContent[],
    write: () => Promise<unknown>,
    effects: EffectReader,
    options: { rescans?: boolean } = {},
  ): Promise<WriteAnswer> {
    await this.announce(contents, options);
    let result: unknown;
    try {
      result = await write();
    } catch (error) {
      const effect = effects.fromError(error);
      if (effect === 'nothing') await this.withdraw(error);
      else {
        // The operation fails anyway, and must not wait for a server that does not answer.
        void this.secureAnnouncement(effect === 'written').catch((failure: unknown) => {
          this.warn(
            `an operation failed, and its capture may be lost: ${getErrorMessage(failure)}. If ` +
              `its document was written nevertheless, the next scan finds the files`,
          );
        });
        if (effect === 'written') this.handOver();
      }
      throw error;
    }
    const nothing = effects.fromResult(result) === 'nothing';
    await (nothing ? this.withdraw() : this.secureAnnouncement(true));
    return { result, nothing };
  }

  /**
   * The same as `conclude`, after a save that changed nothing and so may not have called the
   * driver. Without a connection nothing can be stored. Mongoose then neither waits nor fails,
   * and neither does this.
   */
  async concludeWith(list: () => Promise<readonly CaptureContent[]>): Promise<void> {
    if (this.collection !== undefined || Number(this.model.db.readyState) === connectedState)
      await this.conclude(await list());
    else this.warn('a save that changed nothing was not captured, as there is no connection');
  }

  /**
   * After the write: replaces the announcement if it differs from what was written, then hands
   * over.
   */
  async conclude(contents: readonly CaptureContent[]): Promise<void> {
    if (
      this.options.rescan === undefined &&
      this.rescans &&
      !contents.every(({ complete }) => complete)
    ) {
      const who =
        contents.length === 1 && contents[0]?.savedBy
          ? `document ${contents[0].savedBy.id}`
          : 'several documents';
      this.warn(
        `${who}: more than can be looked at (1,000 documents of one operation, 1,000 strings of ` +
          `one document), and \`rescan\` is off: files named beyond that are not sent`,
      );
    }
    if (!coversContents(this.announced, contents)) {
      const before = this.captures;
      const captures = this.makeCaptures(contents);
      const isConfirmed = await this.context.outbox.insertAfter(captures, this.session);
      this.captures = captures;
      // The announcement before the write survives whenever the write does.
      if (isConfirmed) await this.takeBack(before);
    }
    this.handOver();
    if (this.session?.inTransaction() === true || this.options.copies === undefined) return;
    const unsyncedHere = contents
      .flatMap(({ unsynced = [] }) => unsynced)
      .filter(({ why }) => why === 'not synced here')
      .map(({ path }) => path);
    await this.context.awaitCopies(
      this.captures,
      this.options,
      [...new Set(contents.flatMap(({ absent = [] }) => absent))],
      [...new Set(unsyncedHere)],
    );
  }

  /** Hands over at once, or after the commit of the transaction. */
  handOver(): void {
    if (this.session?.inTransaction() === true)
      this.commits.add(this.session, this.captures, this.context);
    else this.captures.forEach(this.context.handOver);
  }

  /** Removes the announcement, because nothing was written. `error` is the operation's error. */
  async withdraw(error?: unknown): Promise<void> {
    const { captures } = this;
    this.captures = this.announced = [];
    await this.announcing;
    // MongoDB has aborted the transaction of the failed operation, and the captures with it.
    if (this.session?.inTransaction() === true && isConnectionError(error)) return;
    await this.takeBack(captures);
  }

  /** The collection that is written to, for looking up documents. */
  get readable(): mongo.Collection {
    if (!this.collection) throw new Error('nothing is read before the driver is called');
    return this.collection;
  }

  /**
   * Looks up documents before the write. Returns false if the server refuses, since it may allow
   * a filter in an update but not in a read like this one. In a transaction the refusal has ended
   * the transaction, so it is thrown.
   */
  async lookUp(read: () => Promise<void>): Promise<boolean> {
    try {
      await read();
      return true;
    } catch (error) {
      const refused = error instanceof Error && error.name === 'MongoServerError';
      if (!refused || this.session?.inTransaction() === true) throw error;
      this.warn(
        `the documents of an operation could not be looked up before it: ${getErrorMessage(error)}`,
      );
      return false;
    }
  }

  warnOfRefused(refused: TouchedPaths['refused'], savedBy: DocumentRef): void {
    for (const { field, value, why } of refused) {
      if (++this.warnings > maxWarnings) return;
      this.warn(
        `document ${savedBy.id}: ${field} names ${quotePath(value)}, which is not sent: ${why}`,
      );
    }
  }

  warn(message: string): void {
    this.context.log.warn(`model ${this.model.modelName}, ${message}`);
  }

  /**
   * Stores what is known before the write. It may list too many paths as unreferenced, since
   * these are only candidates.
   */
  private async announce(
    contents: readonly CaptureContent[],
    { rescans = true }: { rescans?: boolean },
  ): Promise<void> {
    this.announced = contents;
    this.rescans = rescans;
    const captures = this.makeCaptures(contents);
    const { outbox } = this.context;
    const beside = contents.every(isFoundByScan)
      ? outbox.insertBeside(captures, this.model.db, this.session)
      : undefined;
    if (beside === undefined) {
      this.primaryTerm = await outbox.announce(captures, this.model.db, this.session);
    } else {
      this.announcing = beside.stored.then(
        (primaryTerm) => ({ primaryTerm }),
        (error: unknown) => ({ error }),
      );
      await beside.sent;
    }
    this.captures = captures;
  }

  /**
   * After the write: waits for an announcement beside it, and stores an announcement again that
   * was refused, or may be lost with a former primary.
   *
   * @param isWritten whether a document was certainly written
   */
  private async secureAnnouncement(isWritten: boolean): Promise<void> {
    const { announcing, captures } = this;
    const { outbox } = this.context;
    const beside = await announcing;
    const primaryTerm = this.primaryTerm ?? beside?.primaryTerm;
    this.primaryTerm = this.announcing = undefined;
    if (beside?.error !== undefined && isWritten) await this.storeRefused(captures, beside.error);
    else if (
      beside?.error !== undefined ||
      (primaryTerm !== undefined && !outbox.isSamePrimary(primaryTerm))
    )
      await outbox.insertAgain(captures);
  }

  /**
   * The document was written, so the operation must not fail as if it was not. If the captures
   * cannot be stored by a second try, they stay in memory until they are.
   */
  private async storeRefused(captures: readonly Capture[], error: unknown): Promise<void> {
    const { outbox } = this.context;
    try {
      await outbox.insertAgain(captures);
    } catch {
      const isKept = outbox.keepUnstored(captures);
      this.warn(
        `a document was written beside its capture, which could not be stored: ` +
          `${getErrorMessage(error)}. ` +
          (isKept
            ? `This process keeps the capture in memory until the outbox accepts it; until then ` +
              `a save whose capture is refused fails before its write`
            : `This instance is closed, so the capture is lost; the next scan of the sync dir ` +
              `finds the files`),
      );
    }
  }

  private makeCaptures(contents: readonly CaptureContent[]): Capture[] {
    return makeCaptures(contents, this.options, this.context, this.rescans);
  }

  private async takeBack(captures: readonly Capture[]): Promise<void> {
    if (captures.length === 0) return;
    await this.context.outbox
      .withdraw(
        captures.map(({ id }) => id),
        this.session,
      )
      .catch((failure: unknown) => {
        this.warn(
          `a capture that is not needed stays until it is due, which is harmless: ` +
            `${getErrorMessage(failure)}`,
        );
      });
  }
}

/**
 * Whether a scan finds all that the capture of this document says. It finds fresh files, and knows
 * nothing of documents that no longer name a file.
 */
function isFoundByScan({ unreferenced, areFresh }: CaptureContent): boolean {
  return areFresh === true && unreferenced.length === 0;
}
