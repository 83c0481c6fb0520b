import { isDeepStrictEqual } from 'node:util';
import type { Schema } from 'mongoose';
import type { PlainDocument, PluggedModel } from './capturing.js';
import type { DocumentStrings } from './document-strings.js';
import { LeavingDocuments } from './leaving-documents.js';
import { provesQueryWroteNothing } from './nothing-written.js';
import type { Operation } from './operation.js';
import type { PluggedModels } from './plugged.js';
import { readCounts, readFound, type QueryResult } from './query-result.js';
import { Remembered } from './remembered.js';
import { listUpdateNames } from './update-names.js';

/** Of a query, what hooks use. */
export interface PluggedQuery {
  readonly model: PluggedModel;
  getFilter(): PlainDocument;
  getUpdate(): unknown;
  getOptions(): Readonly<Record<string, unknown>>;
  clone(): PluggedQuery;
  cast(model: PluggedModel): unknown;
}

/** Mongoose's types know neither these hooks by variable name nor the last argument: before those that were registered earlier. */
interface QueryHooks {
  pre(name: string, options: { query: true; document: false }, hook: (this: PluggedQuery) => Promise<void>): void;
  post(name: string, options: { query: true; document: false; errorHandler?: true }, hook: (this: PluggedQuery, result: unknown) => Promise<void>, first: true): void;
}

/** An update or delete under way: what there is to do after it. */
interface Querying { readonly operation: Operation; conclude(result: unknown): Promise<void> }

const updates = ['updateOne', 'updateMany', 'replaceOne', 'findOneAndUpdate', 'findOneAndReplace'] as const;
const deletes = ['deleteOne', 'deleteMany', 'findOneAndDelete'] as const;
export type QueryName = (typeof updates)[number] | (typeof deletes)[number];

/** Captures queries that update and delete, also those that `document.updateOne()` and `document.deleteOne()` make. */
export function addQueryHooks(schema: Schema, models: PluggedModels): void {
  const queries = new WeakMap<PluggedQuery, Querying>();
  for (const name of updates) add(name, beginUpdate);
  for (const name of deletes) add(name, beginDelete);

  function add(name: QueryName, begin: (operation: Operation, query: PluggedQuery, name: QueryName) => Promise<Querying | undefined>): void {
    const hooks = schema as unknown as QueryHooks;
    const kind = { query: true, document: false } as const;
    hooks.pre(name, kind, async function captureBefore() {
      const operation = await models.begin(this.model, this.getOptions());
      const querying = operation && await begin(operation, this, name);
      if (querying) queries.set(this, querying);
    });
    hooks.post(name, kind, async function captureAfter(result) { await take(this)?.conclude(result); }, true);
    hooks.post(name, { ...kind, errorHandler: true }, async function withdraw(error) {
      const querying = take(this);
      const [many, upsert] = [name.endsWith('Many'), this.getOptions()['upsert'] === true];
      if (querying && provesQueryWroteNothing(error, { many, upsert })) await querying.operation.withdraw(error);
    }, true);
  }

  function take(query: PluggedQuery): Querying | undefined {
    const querying = queries.get(query);
    queries.delete(query);
    return querying;
  }
}

async function beginUpdate(operation: Operation, query: PluggedQuery, name: QueryName): Promise<Querying> {
  const remembered = new Remembered(operation);
  const options = query.getOptions();
  const filter = castFilter(query);
  if (filter) await remembered.read(filter, options, name === 'updateMany' ? undefined : 1);
  else remembered.complete = false;
  await operation.announce(await remembered.listBefore(listQueryNames(operation, query)));
  return {
    operation,
    async conclude(result) {
      const { nothingWritten, written, ids } = readResult(name, result, options);
      if (nothingWritten) {
        await operation.withdraw();
        return;
      }
      ids.forEach((id) => { remembered.include(id); });
      // A later hook changed the filter, or another process the documents: others than those were written.
      if (written > remembered.size || !isDeepStrictEqual(filter, query.getFilter())) remembered.complete = false;
      await operation.conclude(await remembered.listAfter());
    },
  };
}

/** Where nothing propagates, what documents no longer name does not matter. */
async function beginDelete(operation: Operation, query: PluggedQuery, name: QueryName): Promise<Querying | undefined> {
  if (!operation.propagates) return undefined;
  const leaving = new LeavingDocuments(operation, name);
  const filter = castFilter(query);
  if (filter) await leaving.read(filter, query.getOptions(), name === 'deleteMany' ? undefined : 1);
  await operation.announce(leaving.list(), { sweeps: false });
  return {
    operation,
    async conclude(result) {
      if (readResult(name, result, query.getOptions()).nothingWritten) await operation.withdraw();
      else operation.handOver();
    },
  };
}

function readResult(name: QueryName, result: unknown, options: Readonly<Record<string, unknown>>): QueryResult {
  return name.startsWith('findOneAnd') ? readFound(result, options) : readCounts(result);
}

/** An upsert stores what its filter says too. */
function listQueryNames({ options }: Operation, query: PluggedQuery): DocumentStrings {
  const update = listUpdateNames(query.getUpdate(), options);
  if (query.getOptions()['upsert'] !== true) return update;
  const filter = listUpdateNames(query.getFilter(), options);
  return { strings: [...update.strings, ...filter.strings], complete: update.complete && filter.complete };
}

/** The filter as Mongoose will send it; undefined where it can't be cast, and the query will fail. */
function castFilter(query: PluggedQuery): PlainDocument | undefined {
  const copy = query.clone();
  try {
    copy.cast(query.model);
    return copy.getFilter();
  } catch {
    return undefined;
  }
}
