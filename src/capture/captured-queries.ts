import type { PlainDocument } from './capturing.js';
import type { DocumentStrings } from './document-strings.js';
import type { DriverOptions } from './driver-options.js';
import type { DriverCall } from './guard-collection.js';
import { DocumentsToDelete } from './leaving-documents.js';
import { assessWriteError } from './nothing-written.js';
import type { EffectReader, Operation } from './operation.js';
import { type QueryResult, readUpdateResult, readFindResult } from './query-result.js';
import { RememberedDocuments } from './remembered.js';
import { listUpdateNames } from './update-names.js';

/** Captures an update or a replacement. It reads the documents before and after the write. */
export async function captureUpdate(
  operation: Operation,
  call: DriverCall,
  options: DriverOptions,
  write: () => Promise<unknown>,
): Promise<unknown> {
  const [filter, update] = call.args as [PlainDocument, unknown];
  const remembered = new RememberedDocuments(operation);
  await remembered.read(filter, options, call.method === 'updateMany' ? undefined : 1);
  const before = await remembered.listBefore(
    listWrittenStrings(operation, filter, update, options),
  );
  const { result, nothing } = await operation.announceAndWrite(
    before,
    write,
    makeEffectReader(call, options),
  );
  if (nothing) return result;
  const { written, ids } = readQueryResult(call, result, options);
  ids.forEach((id) => {
    remembered.include(id);
  });
  // Another process changed documents meanwhile, so the query wrote others than those.
  if (written > remembered.size) remembered.complete = false;
  await operation.conclude(await remembered.listAfter());
  return result;
}

/** Captures a delete. Without `propagate`, names in deleted documents do not matter. */
export async function captureDelete(
  operation: Operation,
  call: DriverCall,
  options: DriverOptions,
  write: () => Promise<unknown>,
): Promise<unknown> {
  if (!operation.propagates) return write();
  const deleted = new DocumentsToDelete(operation, call.method);
  await deleted.read(
    call.args[0] as PlainDocument,
    options,
    call.method === 'deleteMany' ? undefined : 1,
  );
  const { result, nothing } = await operation.announceAndWrite(
    deleted.list(),
    write,
    makeEffectReader(call, options),
    { rescans: false },
  );
  if (!nothing) operation.handOver();
  return result;
}

function makeEffectReader(call: DriverCall, options: DriverOptions): EffectReader {
  return {
    fromError: (error) => assessWriteError(error, call),
    fromResult: (result) =>
      readQueryResult(call, result, options).nothingWritten ? 'nothing' : 'written',
  };
}

function readQueryResult(
  { method }: DriverCall,
  result: unknown,
  options: DriverOptions,
): QueryResult {
  return method.startsWith('findOneAnd')
    ? readFindResult(result, options)
    : readUpdateResult(result);
}

/** An upsert also stores the values of its filter. */
function listWrittenStrings(
  { options }: Operation,
  filter: PlainDocument,
  update: unknown,
  { upsert }: DriverOptions,
): DocumentStrings {
  const written = listUpdateNames(update, options);
  if (upsert !== true) return written;
  const found = listUpdateNames(filter, options);
  return {
    strings: [...written.strings, ...found.strings],
    complete: written.complete && found.complete,
  };
}
