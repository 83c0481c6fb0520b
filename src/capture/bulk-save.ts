import { type BulkResult, countWritten, assessBulkError } from './bulk-result.js';
import type { PlainDocument, PluggedModel } from './capturing.js';
import { type DriverOptions, readSession } from './driver-options.js';
import type { DriverCall } from './guard-collection.js';
import type { Operation } from './operation.js';
import { toPlainObject } from './plain-object.js';
import { makeIdKey } from './remembered.js';
import { type DocumentChange, SavedDocuments } from './saved-documents.js';

/** The write that `bulkSave` sends for one of its documents. */
interface BulkSaveWrite {
  readonly insertOne?: { readonly document: PlainDocument };
  readonly updateOne?: { readonly filter: PlainDocument; readonly update: unknown };
}

/**
 * A `bulkSave` that runs now. Its documents are captured once around the `bulkWrite` that
 * Mongoose sends for them, and again when Mongoose is done. Unchanged documents are not among the
 * writes, and are captured too.
 */
export class BulkSave {
  private readonly saved: SavedDocuments;
  private called = false;
  private written = false;

  constructor(
    readonly model: PluggedModel,
    private readonly operation: Operation,
    private readonly documents: readonly object[],
  ) {
    this.saved = new SavedDocuments(operation, documents);
  }

  /** Whether these writes are its own, and not those of another `bulkWrite` that a hook makes. */
  owns(model: PluggedModel, writes: readonly BulkSaveWrite[]): boolean {
    if (this.called || model !== this.model) return false;
    const ids = new Set(
      this.documents.map((document) => makeIdKey(toPlainObject(document)['_id'])),
    );
    return writes.every((write) => ids.has(makeIdKey(getWriteId(write))));
  }

  async announceAndWrite(
    { args, collection }: DriverCall,
    options: DriverOptions,
    write: () => Promise<unknown>,
  ): Promise<unknown> {
    this.called = true;
    this.operation.enterDriverCall(collection, readSession(options));
    const writes = args[0] as readonly BulkSaveWrite[];
    const changes = writes.flatMap((one): DocumentChange[] =>
      one.updateOne ? [{ id: one.updateOne.filter['_id'], update: one.updateOne.update }] : [],
    );
    const { result, nothing } = await this.operation.announceAndWrite(
      await this.saved.listBefore(changes),
      write,
      {
        fromError: (error) => assessBulkError(error, writes, options['ordered'] !== false),
        fromResult: (answer) => (countWritten(answer as BulkResult) === 0 ? 'nothing' : 'written'),
      },
    );
    this.written = !nothing;
    return result;
  }

  async conclude(): Promise<void> {
    await this.operation.concludeWith(() => this.saved.listAfter());
  }

  /** Mongoose or a hook failed. Documents that the driver wrote before are captured anyway. */
  giveUp(): void {
    if (this.written) this.operation.handOver();
  }
}

function getWriteId({ insertOne, updateOne }: BulkSaveWrite): unknown {
  return insertOne?.document['_id'] ?? updateOne?.filter['_id'];
}
