import type { Schema } from 'mongoose';
import { isSubdocument, type PluggedDocument, type PluggedModel } from './capturing.js';
import { provesNothingWritten } from './nothing-written.js';
import type { Operation } from './operation.js';
import type { PluggedModels } from './plugged.js';
import { SavedDocuments } from './saved-documents.js';

/**
 * Post hooks before those that were registered earlier, as Mongoose's own plugins add theirs (its types leave the argument out):
 * the app's error handlers may replace the error, and its hooks may throw.
 */
interface RunsFirst {
  post(name: 'save', options: { errorHandler?: true }, hook: (this: PluggedDocument, result: unknown) => Promise<void>, first: true): void;
}

/** A save under way. */
interface Saving { readonly operation: Operation; readonly saved: SavedDocuments }

/**
 * Captures saves of top-level documents: before the write, so that a crash loses nothing, and again after it, because later hooks
 * may have set paths. @param inBulk documents of a `bulkSave`, which captures them itself
 */
export function addSaveHooks(schema: Schema, models: PluggedModels, inBulk: WeakSet<object>): void {
  const saves = new WeakMap<PluggedDocument, Saving>();

  // Mongoose 9 calls it with the save's options, Mongoose 8 with `next` and the options.
  schema.pre('save', async function captureBefore(given: unknown, second?: unknown) {
    if (isSubdocument(this) || inBulk.has(this)) return;
    const operation = await models.begin(this.constructor as PluggedModel, typeof given === 'function' ? second : given, this.$session());
    if (operation === undefined) return;
    models.beginSave(this);
    const saved = new SavedDocuments(operation, [this]);
    await operation.announce(await saved.listBefore());
    saves.set(this, { operation, saved });
  });

  const first = schema as unknown as RunsFirst;
  first.post('save', {}, async function captureAfter() {
    const saving = take(this);
    if (saving !== undefined) await saving.operation.conclude(await saving.saved.listAfter());
  }, true);

  first.post('save', { errorHandler: true }, async function withdraw(error: unknown) {
    const saving = take(this);
    if (saving !== undefined && provesNothingWritten(error, models.wasWritten(this))) await saving.operation.withdraw(error);
  }, true);

  function take(document: PluggedDocument): Saving | undefined {
    const saving = saves.get(document);
    saves.delete(document);
    return saving;
  }
}
