import type { Schema } from 'mongoose';
import { BulkSave } from './bulk-save.js';
import { captureBulkWrite } from './bulk-write.js';
import type { PluggedModel } from './capturing.js';
import { readDriverOptions, readSession } from './driver-options.js';
import { guardCollection, type Interceptor, requireProperty } from './guard-collection.js';
import { captureInsertMany } from './insert-many.js';
import { onCompiled, type PluggedModels } from './plugged.js';
import { findSession } from './session.js';

/** The members of a model that the plugin replaces. */
interface WritableModel {
  /** The collection through which Mongoose writes many documents. */
  $__collection: object;
  bulkSave: ModelStatic<Promise<unknown>>;
  discriminator: ModelStatic<PluggedModel>;
  readonly discriminators?: Readonly<Record<string, PluggedModel>>;
  readonly base: { readonly Model: { readonly bulkSave: unknown } };
}
type ModelStatic<T> = (this: PluggedModel, ...args: unknown[]) => T;

/** Wrappers of `bulkSave`, including those of other instances. */
const bulkSaveWrappers = new WeakSet<object>();

/**
 * Captures `insertMany` and `bulkWrite` around the driver calls that they make, from the app, a
 * static of the app, or `bulkSave`. For `bulkSave`, the documents in memory are captured,
 * including unchanged ones.
 *
 * @param inBulk receives the documents of a `bulkSave`
 */
export function addModelWrites(
  schema: Schema,
  models: PluggedModels,
  inBulk: WeakSet<object>,
): void {
  const guarded = new WeakSet<object>();
  const underWay = new Set<BulkSave>();
  onCompiled(schema, guardModel);

  function guardModel(model: PluggedModel): void {
    if (guarded.has(model)) return;
    guarded.add(model);
    const writable = model as unknown as WritableModel;
    if (models.isPlugged(model)) {
      guardCollections(writable);
      // A model that is derived from another one inherits the wrapper.
      if (!guarded.has(Object.getPrototypeOf(model) as object)) wrapBulkSave(writable);
    }
    guardDiscriminators(writable);
  }

  /** Guards the model's collection even if it changes: a model may move to another connection. */
  function guardCollections(model: WritableModel): void {
    const intercept = makeModelInterceptor(model as unknown as PluggedModel, models, underWay);
    const own = requireProperty(
      Object.getOwnPropertyDescriptor(model, '$__collection'),
      '$__collection',
      model as unknown as PluggedModel,
    );
    let current = own.value as object;
    let made: { readonly over: object; readonly guard: object } | undefined;
    Object.defineProperty(model, '$__collection', {
      configurable: true,
      enumerable: true,
      get() {
        const over = own.get ? (own.get.call(model) as object) : current;
        if (!models.initialised) return over;
        if (made?.over !== over)
          made = { over, guard: guardCollection(over, ['insertMany', 'bulkWrite'], intercept) };
        return made.guard;
      },
      set(this: WritableModel, given: object) {
        if (this !== model) {
          // This is a model of the same name on another connection, which inherits the properties
          // of this one.
          if (own.set) own.set.call(this, given);
          else
            Object.defineProperty(this, '$__collection', {
              value: given,
              configurable: true,
              enumerable: true,
              writable: true,
            });
          guardModel(this as unknown as PluggedModel);
        } else if (own.set) own.set.call(model, given);
        else current = given;
      },
    });
  }

  /** A static of the app stays as it is. The `bulkWrite` that it calls is captured. */
  function wrapBulkSave(model: WritableModel): void {
    const { bulkSave: inner } = model;
    if (inner !== model.base.Model.bulkSave && !bulkSaveWrappers.has(inner)) return;
    model.bulkSave = function bulkSave(documents, options, ...others) {
      const saved =
        models.captures(this) && Array.isArray(documents)
          ? (documents as unknown[]).filter((one) => typeof one === 'object' && one !== null)
          : [];
      const operation =
        saved.length > 0
          ? models.beginOperation(this, findSession(null, options, this.db))
          : undefined;
      const save = (): Promise<unknown> => inner.call(this, documents, options, ...others);
      return operation
        ? captureBulkSave(new BulkSave(this, operation, saved), saved, save)
        : save();
    };
    bulkSaveWrappers.add(model.bulkSave);
  }

  /**
   * Discriminators have the hooks and options of their base, but nothing announces their
   * compilation.
   */
  function guardDiscriminators(model: WritableModel): void {
    const { discriminator: inner } = model;
    model.discriminator = function discriminator(...args) {
      const made = inner.apply(this, args);
      guardModel(made);
      return made;
    };
    Object.values(model.discriminators ?? {}).forEach(guardModel);
  }

  async function captureBulkSave(
    bulk: BulkSave,
    documents: readonly object[],
    save: () => Promise<unknown>,
  ): Promise<unknown> {
    underWay.add(bulk);
    documents.forEach((document) => inBulk.add(document));
    let result: unknown;
    try {
      result = await save();
    } catch (error) {
      bulk.giveUp();
      throw error;
    } finally {
      underWay.delete(bulk);
      documents.forEach((document) => inBulk.delete(document));
    }
    await bulk.conclude();
    return result;
  }
}

function makeModelInterceptor(
  model: PluggedModel,
  models: PluggedModels,
  underWay: ReadonlySet<BulkSave>,
): Interceptor {
  return async (call, write) => {
    if (!models.captures(model)) return write();
    const options = readDriverOptions(call.args[1]);
    if (call.method === 'bulkWrite') {
      const bulk = [...underWay].find((one) => one.owns(model, call.args[0] as []));
      if (bulk) return bulk.announceAndWrite(call, options, write);
    }
    const operation = models.beginOperation(model, readSession(options), call.collection);
    if (!operation) return write();
    return call.method === 'bulkWrite'
      ? captureBulkWrite(operation, call, options, write)
      : captureInsertMany(operation, call, options, write);
  };
}
