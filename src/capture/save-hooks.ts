import type { Schema } from 'mongoose';
import { isSubdocument, type PluggedDocument, type PluggedModel } from './capturing.js';
import { readDriverOptions, readSession } from './driver-options.js';
import {
  type DriverCall,
  guardCollection,
  type Interceptor,
  isGuardedBy,
  requireProperty,
  removeGuards,
} from './guard-collection.js';
import { assessWriteError } from './nothing-written.js';
import type { Operation } from './operation.js';
import type { PluggedModels } from './plugged.js';
import { readUpdateResult } from './query-result.js';
import { SavedDocuments } from './saved-documents.js';
import { findSession } from './session.js';

/**
 * Adds post hooks before those that were registered earlier, as Mongoose's own plugins do. Its
 * types omit that argument. The app's hooks may throw, so these run first.
 */
interface FirstHooks {
  post(
    name: 'save',
    options: { errorHandler?: true },
    hook: (this: PluggedDocument, result: unknown) => Promise<void> | undefined,
    first: true,
  ): void;
}

/** A save that runs now. `written` means that the driver confirmed the write. */
interface SaveInProgress {
  readonly operation: Operation;
  readonly saved: SavedDocuments;
  written: boolean;
}

/**
 * Captures saves of top-level documents. It announces right before the driver is called, so that
 * a crash loses nothing and a save that Mongoose or the app refuses is never announced. It
 * concludes when Mongoose has finished with the document, because an error after that must not
 * undo the save. A save that changes nothing calls no driver and is captured too, since its file
 * may have changed.
 *
 * @param inBulk documents of a `bulkSave`, which captures them itself
 */
export function addSaveHooks(schema: Schema, models: PluggedModels, inBulk: WeakSet<object>): void {
  const saves = new WeakMap<object, SaveInProgress>();
  const intercepts = new WeakMap<object, Interceptor>();

  // The hook has no parameters, because Mongoose 8 would wait for the first one to be called.
  schema.pre('save', function captureBefore() {
    if (isSubdocument(this) || inBulk.has(this)) return;
    const model = this.constructor as PluggedModel;
    const operation = models.beginOperation(
      model,
      findSession((this as PluggedDocument).$session(), undefined, model.db),
    );
    if (operation === undefined) return;
    saves.set(this, { operation, saved: new SavedDocuments(operation, [this]), written: false });
    guardDocument(this, useIntercept(this));
  });

  const first = schema as unknown as FirstHooks;
  first.post(
    'save',
    {},
    function captureAfter() {
      const saving = takeSaving(this);
      return saving && concludeSave(saving);
    },
    true,
  );

  // Hooks of subdocuments, and Mongoose's handling of the answer, may fail after the write.
  // Mongoose 8 waits for the promise.
  first.post(
    'save',
    { errorHandler: true },
    async function handOverWritten() {
      const saving = takeSaving(this);
      if (saving?.written === true) saving.operation.handOver();
    },
    true,
  );

  function useIntercept(document: object): Interceptor {
    let intercept = intercepts.get(document);
    if (!intercept) {
      intercept = async (call, write) => {
        const saving = saves.get(document);
        return saving ? announceSaveAndWrite(saving, call, write) : write();
      };
      intercepts.set(document, intercept);
    }
    return intercept;
  }

  function takeSaving(document: object): SaveInProgress | undefined {
    const saving = saves.get(document);
    saves.delete(document);
    return saving;
  }
}

async function announceSaveAndWrite(
  saving: SaveInProgress,
  call: DriverCall,
  write: () => Promise<unknown>,
): Promise<unknown> {
  const { operation, saved } = saving;
  const isInsert = call.method === 'insertOne';
  const [filter, update] = call.args as [Record<string, unknown>, unknown];
  const changes = isInsert ? [] : [{ id: filter['_id'], update }];
  operation.enterDriverCall(
    call.collection,
    readSession(readDriverOptions(call.args[isInsert ? 1 : 2])),
  );
  const { result, nothing } = await operation.announceAndWrite(
    await saved.listBefore(changes),
    write,
    {
      fromError: (error) => assessWriteError(error, call),
      fromResult: (answer) =>
        !isInsert && readUpdateResult(answer).nothingWritten ? 'nothing' : 'written',
    },
  );
  saving.written = !nothing;
  return result;
}

async function concludeSave({ operation, saved }: SaveInProgress): Promise<void> {
  await operation.concludeWith(() => saved.listAfter());
}

const collectionSymbol = 'mongoose#Model#collection';

/**
 * Mongoose writes a document through a property that the document inherits from its model. This
 * gives the document its own property, whose calls go through `intercept`.
 */
function guardDocument(document: object, intercept: Interceptor): void {
  const model = document.constructor as PluggedModel;
  const symbol = requireProperty(findCollectionSymbol(document), collectionSymbol, model);
  const inherited = requireProperty(
    (Object.getPrototypeOf(document) as Record<symbol, object | undefined>)[symbol],
    collectionSymbol,
    model,
  );
  const current = (document as Record<symbol, object | undefined>)[symbol] ?? inherited;
  // A model may move to another connection.
  const isCurrent = removeGuards(current) === removeGuards(inherited);
  if (isCurrent && isGuardedBy(current, intercept)) return;
  Object.defineProperty(document, symbol, {
    value: guardCollection(isCurrent ? current : inherited, ['insertOne', 'updateOne'], intercept),
    enumerable: false,
    configurable: true,
    writable: true,
  });
}

function findCollectionSymbol(document: object): symbol | undefined {
  for (
    let prototype: unknown = Object.getPrototypeOf(document);
    prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const symbol = Object.getOwnPropertySymbols(prototype).find(
      ({ description }) => description === collectionSymbol,
    );
    if (symbol) return symbol;
  }
  return undefined;
}
