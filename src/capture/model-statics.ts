import type { Schema } from 'mongoose';
import { type BulkSave, captureBulkSave } from './bulk-save.js';
import { captureBulkWrite } from './bulk-write.js';
import type { PluggedModel } from './capturing.js';
import { captureInsertMany } from './insert-many.js';
import type { Operation } from './operation.js';
import { onCompiled, type PluggedModels } from './plugged.js';

type Options = Record<PropertyKey, unknown>;
type Call = (given: unknown, options?: Options) => Promise<unknown>;
type Static = (this: PluggedModel, given: unknown, options?: Options) => Promise<unknown>;

/**
 * Captures `insertMany`, `bulkWrite` and `bulkSave` around the methods themselves: the hooks of the first are not told its options,
 * in which the session is, and run neither with `rawResult` nor for every error; those of the others fire for the same writes.
 * A static of that name that the schema had before is called in turn. @param inBulk is told the documents of a `bulkSave`
 */
export function wrapStatics(schema: Schema, models: PluggedModels, inBulk: WeakSet<object>): void {
  const statics = schema.statics as Record<string, Static | undefined>;
  // Mongoose passes the options of a bulkSave on to its bulkWrite.
  const ofBulkSave = Symbol('the bulkSave that this bulkWrite belongs to');

  wrap('insertMany', (operation, call, documents, options) => captureInsertMany(operation, documents, () => call(documents, options)));

  wrap('bulkSave', async (operation, call, given, options) => {
    if (!Array.isArray(given)) return call(given, options);
    const documents = (given as unknown[]).filter((document) => typeof document === 'object' && document !== null);
    documents.forEach((document) => inBulk.add(document));
    try {
      return await captureBulkSave(operation, documents, (bulk) => call(given, { ...options, [ofBulkSave]: bulk }));
    } finally {
      documents.forEach((document) => inBulk.delete(document));
    }
  });

  wrap('bulkWrite', (operation, call, writes, options = {}) => {
    const { [ofBulkSave]: bulk, ...others } = options as Options & { [ofBulkSave]?: BulkSave };
    if (bulk === undefined) return Array.isArray(writes) ? captureBulkWrite(operation, writes, options['ordered'] !== false, () => call(writes, options)) : call(writes, options);
    bulk.begun = true;
    return call(writes, others);
  });

  function wrap(name: 'insertMany' | 'bulkSave' | 'bulkWrite', capture: (operation: Operation, call: Call, given: unknown, options?: Options) => Promise<unknown>): void {
    const before = statics[name];
    const captured: Static = async function (given, options) {
      const inner = before ?? Reflect.get(this.base.Model, name) as Static;
      const call: Call = (...args) => inner.apply(this, args);
      const operation = await models.begin(this, options);
      return operation ? capture(operation, call, given, options) : call(given, options);
    };
    statics[name] = captured;
    // The first releases of Mongoose 8 run the app's hooks around a static, too; the method inside runs them.
    onCompiled(schema, (model) => {
      if (model.schema.statics[name] === captured) Object.assign(model, { [name]: captured });
    });
  }
}
