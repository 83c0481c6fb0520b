import type { ClientSession, mongo } from 'mongoose';
import { messageOf } from '../errors/errors.js';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import { quotePath } from '../root/paths.js';
import type { Capture, SavedBy } from '../words.js';
import type { Capturing, PluggedModel } from './capturing.js';
import { type CaptureContent, covers, makeCaptures } from './make-captures.js';
import { isOfConnection, type Verdict } from './nothing-written.js';
import type { CommitWatch } from './session-commit.js';
import type { Touched } from './touched-paths.js';

/** What is known of a write by the driver's answer. */
export interface Judge {
  ofError(this: void, error: unknown): Verdict;
  ofResult(this: void, result: unknown): Verdict;
}

/** What a write came to. */
export interface Came { readonly result: unknown; readonly nothing: boolean }

const connected = 1;

/** Of one operation no more refused names than these are told one by one. */
const maxWarnings = 10;

/**
 * One operation of a plugged model, captured once: announced in the outbox before the write, so that a crash between loses
 * nothing, and concluded after it with what it really did. An operation whose capture can't be stored rejects: what is
 * acknowledged will be delivered.
 */
export class Operation {
  private announced: readonly CaptureContent[] = [];
  private captures: readonly Capture[] = [];
  private sweeps = true;
  private told = 0;

  /** @param collection where it writes; undefined as long as the driver is not called */
  constructor(readonly model: PluggedModel, readonly options: ResolvedPluginOptions, readonly capturing: Capturing,
    public session: ClientSession | undefined, private readonly commits: CommitWatch, private collection?: mongo.Collection) {}

  /** The driver is called: where, and in which session, is certain now. */
  enter(collection: mongo.Collection, session: ClientSession | undefined): void {
    this.collection = collection;
    this.session = session;
  }

  /** Whether what documents no longer name matters. */
  get propagates(): boolean { return this.options.onDelete === 'propagate'; }

  savedBy(id: unknown): SavedBy {
    return { model: this.model.modelName, id: String(id) };
  }

  /** Stores what is known before the write; what documents are left without may be claimed too widely, as they are only candidates. */
  async announce(contents: readonly CaptureContent[], { sweeps = true } = {}): Promise<void> {
    this.announced = contents;
    this.sweeps = sweeps;
    this.captures = await this.store(contents);
  }

  /**
   * Announces, writes, and takes back what was announced where the answer proves that nothing was written. Of a write that failed in part
   * the announcement counts at once; where it is not known what was written it is due by itself.
   */
  async announceAndWrite(contents: readonly CaptureContent[], write: () => Promise<unknown>, judge: Judge, options: { sweeps?: boolean } = {}): Promise<Came> {
    await this.announce(contents, options);
    let result: unknown;
    try {
      result = await write();
    } catch (error) {
      const verdict = judge.ofError(error);
      if (verdict === 'nothing') await this.withdraw(error);
      else if (verdict === 'written') this.handOver();
      throw error;
    }
    const nothing = judge.ofResult(result) === 'nothing';
    if (nothing) await this.withdraw();
    return { result, nothing };
  }

  /**
   * As `conclude`, after a save that may not have called the driver, as it changed nothing. Where there is no connection either, nothing
   * can be stored, and what Mongoose does without a database neither waits for one nor fails.
   */
  async concludeWith(list: () => Promise<readonly CaptureContent[]>): Promise<void> {
    if (this.collection !== undefined || Number(this.model.db.readyState) === connected) await this.conclude(await list());
    else this.warn('a save that changed nothing was not captured, as there is no connection');
  }

  /** After the write: replaces what was announced where it was not exactly that, then hands over. */
  async conclude(contents: readonly CaptureContent[]): Promise<void> {
    if (this.options.sweep === undefined && this.sweeps && !contents.every(({ complete }) => complete)) {
      const who = contents.length === 1 && contents[0]?.savedBy ? `document ${contents[0].savedBy.id}` : 'several documents';
      this.warn(`${who}: more than can be looked at (1,000 documents of one operation, 1,000 strings of one document), and \`sweep\` is off: files named beyond that are not sent`);
    }
    if (!covers(this.announced, contents)) {
      const before = this.captures;
      this.captures = await this.store(contents);
      await this.takeBack(before);
    }
    this.handOver();
    if (this.session?.inTransaction() === true || this.options.copies === undefined) return;
    const unkept = contents.flatMap(({ unsynced = [] }) => unsynced).filter(({ why }) => why === 'not kept here').map(({ path }) => path);
    await this.capturing.awaitCopies(this.captures, this.options, [...new Set(contents.flatMap(({ absent = [] }) => absent))], [...new Set(unkept)]);
  }

  /** At once, or after the commit of the transaction. */
  handOver(): void {
    if (this.session?.inTransaction() === true) this.commits.add(this.session, this.captures, this.capturing);
    else this.captures.forEach(this.capturing.handOver);
  }

  /** The operation wrote nothing. `error` is what it failed with. */
  async withdraw(error?: unknown): Promise<void> {
    const { captures } = this;
    this.captures = this.announced = [];
    // MongoDB has aborted a transaction that an operation failed in; the captures vanish with it.
    if (this.session?.inTransaction() === true && isOfConnection(error)) return;
    await this.takeBack(captures);
  }

  /** Looks documents up in the collection that is written to. */
  get readable(): mongo.Collection {
    if (!this.collection) throw new Error('nothing is read before the driver is called');
    return this.collection;
  }

  /**
   * Looks documents up before the write; false where the server refuses, which may allow a filter in an update that it does not
   * allow in a read like ours. In a transaction that has ended the transaction, so it is thrown.
   */
  async lookUp(read: () => Promise<void>): Promise<boolean> {
    try {
      await read();
      return true;
    } catch (error) {
      const refused = error instanceof Error && error.name === 'MongoServerError';
      if (!refused || this.session?.inTransaction() === true) throw error;
      this.warn(`the documents of an operation could not be looked up before it: ${messageOf(error)}`);
      return false;
    }
  }

  warnOfRefused(refused: Touched['refused'], savedBy: SavedBy): void {
    for (const { field, value, why } of refused) {
      if (++this.told > maxWarnings) return;
      this.warn(`document ${savedBy.id}: ${field} names ${quotePath(value)}, which is not sent: ${why}`);
    }
  }

  warn(message: string): void {
    this.capturing.log.warn(`model ${this.model.modelName}, ${message}`);
  }

  private async store(contents: readonly CaptureContent[]): Promise<Capture[]> {
    const captures = makeCaptures(contents, this.options, this.capturing, this.sweeps);
    await this.capturing.outbox.insertAll(captures, this.session);
    return captures;
  }

  private async takeBack(captures: readonly Capture[]): Promise<void> {
    if (captures.length === 0) return;
    await this.capturing.outbox.withdraw(captures.map(({ id }) => id), this.session).catch((failure: unknown) => {
      this.warn(`a capture that is not needed stays until it is due, which is harmless: ${messageOf(failure)}`);
    });
  }
}
