import type { Schema } from 'mongoose';
import { captureDelete, captureUpdate } from './captured-queries.js';
import type { PluggedModel } from './capturing.js';
import { readDriverOptions, readSession } from './driver-options.js';
import {
  guardCollection,
  type Interceptor,
  isGuardedBy,
  requireProperty,
} from './guard-collection.js';
import type { PluggedModels } from './plugged.js';

/** The members of a query that hooks use. Mongoose sends the query to its collection. */
interface PluggedQuery {
  readonly model: PluggedModel;
  mongooseCollection: object | undefined;
}

const updateMethods = [
  'updateOne',
  'updateMany',
  'replaceOne',
  'findOneAndUpdate',
  'findOneAndReplace',
] as const;
const deleteMethods = ['deleteOne', 'deleteMany', 'findOneAndDelete'] as const;
type QueryMethod = (typeof updateMethods)[number] | (typeof deleteMethods)[number];
const queryMethods: readonly QueryMethod[] = [...updateMethods, ...deleteMethods];

/** Mongoose's types accept these hooks only by literal names. */
interface QueryHooks {
  pre(
    name: string,
    options: { query: true; document: false },
    hook: (this: PluggedQuery) => void,
  ): void;
}

/**
 * Captures queries that update and delete, including those of `document.updateOne()` and
 * `document.deleteOne()`. It does so around the driver call, after filter and update were cast
 * and validators and hooks have passed.
 */
export function addQueryHooks(schema: Schema, models: PluggedModels): void {
  const intercepts = new WeakMap<PluggedModel, Interceptor>();
  for (const name of queryMethods) {
    (schema as unknown as QueryHooks).pre(
      name,
      { query: true, document: false },
      function captureCall() {
        if (!models.captures(this.model)) return;
        const intercept = useIntercept(this.model),
          collection = requireProperty(this.mongooseCollection, 'mongooseCollection', this.model);
        // A cloned query already has the guard of its original.
        if (!isGuardedBy(collection, intercept))
          this.mongooseCollection = guardCollection(collection, queryMethods, intercept);
      },
    );
  }

  function useIntercept(model: PluggedModel): Interceptor {
    const intercept = intercepts.get(model) ?? makeQueryInterceptor(model, models);
    intercepts.set(model, intercept);
    return intercept;
  }
}

function makeQueryInterceptor(model: PluggedModel, models: PluggedModels): Interceptor {
  return (call, write) => {
    const isDelete = (deleteMethods as readonly string[]).includes(call.method);
    const options = readDriverOptions(call.args[isDelete ? 1 : 2]);
    // The server only explains such a query and writes nothing.
    const operation =
      (options['explain'] ?? false) === false
        ? models.beginOperation(model, readSession(options), call.collection)
        : undefined;
    if (!operation) return write();
    return isDelete
      ? captureDelete(operation, call, options, write)
      : captureUpdate(operation, call, options, write);
  };
}
