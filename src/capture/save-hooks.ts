import type { ClientSession, Schema } from 'mongoose';
import { messageOf } from '../errors/errors.js';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import { quotePath } from '../root/paths.js';
import type { Capture } from '../words.js';
import { type Capturing, isSubdocument, type PluggedDocument, type PluggedModel } from './capturing.js';
import { type CaptureContent, makeCapture, makeFurtherCapture } from './make-capture.js';
import { isOfConnection, provesNothingWritten } from './nothing-written.js';
import type { PluggedModels } from './plugged.js';
import { findSession } from './session.js';
import type { CommitWatch } from './session-commit.js';
import { toPlainObject, type Snapshots } from './snapshots.js';
import { findLeft, findTouched, listNames, type Touched } from './touched-paths.js';

/**
 * Post hooks before those that were registered earlier, as Mongoose's own plugins add theirs (its types leave the argument out):
 * the app's error handlers may replace the error, and its hooks may throw.
 */
interface RunsFirst {
  post(name: 'save', options: { errorHandler?: true }, hook: (this: PluggedDocument, result: unknown) => Promise<void>, first: true): void;
}

/** A save under way. */
interface Saving {
  readonly options: ResolvedPluginOptions;
  readonly capturing: Capturing;
  readonly session: ClientSession | undefined;
  readonly content: CaptureContent;
  readonly capture: Capture | undefined;
}

/**
 * Captures saves of top-level documents: before the write, so that a crash loses nothing, and again after it, because later hooks
 * may have set paths. A save whose capture cannot be stored rejects: what is acknowledged will be delivered.
 */
export function addSaveHooks(schema: Schema, models: PluggedModels, snapshots: Snapshots, commits: CommitWatch): void {
  const saves = new WeakMap<PluggedDocument, Saving>();

  // Mongoose 9 calls it with the save's options, Mongoose 8 with `next` and the options.
  schema.pre('save', async function captureBefore(given: unknown, second?: unknown) {
    const saving = await begin(this, typeof given === 'function' ? second : given);
    if (saving === undefined) return;
    saves.set(this, saving);
    if (saving.capture !== undefined) await saving.capturing.outbox.insert(saving.capture, saving.session);
  });

  const first = schema as unknown as RunsFirst;
  first.post('save', {}, async function captureAfter() {
    const saving = take(this);
    if (saving === undefined) return;
    const { options, capturing, session } = saving;
    const { content, refused } = await look(this, options, capturing);
    const who = `model ${content.savedBy.model}, document ${content.savedBy.id}`;
    for (const { field, value, why } of refused) capturing.log.warn(`${who}: ${field} names ${quotePath(value)}, which is not sent: ${why}`);
    if (!content.complete && options.sweep === undefined) {
      capturing.log.warn(`${who} holds more than can be looked at (1,000 strings, 32 levels), and \`sweep\` is off: files it names beyond that are not sent`);
    }
    const further = makeFurtherCapture(saving.content, content, options, capturing);
    if (further !== undefined) await capturing.outbox.insert(further, session);
    snapshots.keep(this, options);
    const captures = [saving.capture, further].filter((capture) => capture !== undefined);
    if (session?.inTransaction() === true) commits.add(session, captures, capturing);
    else {
      captures.forEach(capturing.handOver);
      await capturing.awaitCopies(captures, options);
    }
  }, true);

  first.post('save', { errorHandler: true }, async function withdraw(error: unknown) {
    const saving = take(this);
    if (saving?.capture === undefined || !provesNothingWritten(error, models.wasWritten(this))) return;
    const { capturing: { outbox, log }, capture, session } = saving;
    // MongoDB has aborted a transaction that an operation failed in; the capture vanishes with it.
    if (session?.inTransaction() === true && isOfConnection(error)) return;
    await outbox.withdraw(capture.id, session).catch((failure: unknown) => {
      log.warn(`the capture of a save that failed stays until it is due, which is harmless: ${messageOf(failure)}`);
    });
  }, true);

  function take(document: PluggedDocument): Saving | undefined {
    const saving = saves.get(document);
    saves.delete(document);
    return saving;
  }

  async function begin(document: PluggedDocument, saveOptions: unknown): Promise<Saving | undefined> {
    if (isSubdocument(document)) return undefined;
    const model = document.constructor as PluggedModel;
    const options = models.notice(model);
    const capturing = options && await models.deps.capturing(model);
    if (options === undefined || capturing === undefined) return undefined;
    models.beginSave(document);
    const session = findSession(document.$session(), saveOptions, model.db);
    const { content } = await look(document, options, capturing);
    return { options, capturing, session, content, capture: makeCapture(content, options, capturing) };
  }

  async function look(document: PluggedDocument, options: ResolvedPluginOptions, capturing: Capturing): Promise<{ content: CaptureContent; refused: Touched['refused'] }> {
    const model = (document.constructor as PluggedModel).modelName;
    const { strings, complete } = listNames(toPlainObject(document), options, model);
    const { paths: touched, refused } = await findTouched(strings, options, capturing);
    const left = (await findLeft(snapshots.listGone(document, strings), options, capturing)).filter((path) => !touched.includes(path));
    return { content: { savedBy: { model, id: String(document._id) }, touched, left, complete }, refused };
  }
}
