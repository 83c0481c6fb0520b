import type { PlainDocument } from './capturing.js';
import type { DocumentStrings } from './document-strings.js';
import type { DriverOptions } from './driver-options.js';
import type { DriverCall } from './guard-collection.js';
import { LeavingDocuments } from './leaving-documents.js';
import { judgeError } from './nothing-written.js';
import type { Judge, Operation } from './operation.js';
import { type QueryResult, readCounts, readFound } from './query-result.js';
import { Remembered } from './remembered.js';
import { listUpdateNames } from './update-names.js';

/** Captures an update or a replacement. It reads the documents before and after the write. */
export async function captureUpdate(
  operation: Operation,
  call: DriverCall,
  options: DriverOptions,
  write: () => Promise<unknown>,
): Promise<unknown> {
  const [filter, update] = call.args as [PlainDocument, unknown];
  const remembered = new Remembered(operation);
  await remembered.read(filter, options, call.method === 'updateMany' ? undefined : 1);
  const before = await remembered.listBefore(listWritten(operation, filter, update, options));
  const { result, nothing } = await operation.announceAndWrite(
    before,
    write,
    makeJudge(call, options),
  );
  if (nothing) return result;
  const { written, ids } = readResult(call, result, options);
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
  const leaving = new LeavingDocuments(operation, call.method);
  await leaving.read(
    call.args[0] as PlainDocument,
    options,
    call.method === 'deleteMany' ? undefined : 1,
  );
  const { result, nothing } = await operation.announceAndWrite(
    leaving.list(),
    write,
    makeJudge(call, options),
    { sweeps: false },
  );
  if (!nothing) operation.handOver();
  return result;
}

function makeJudge(call: DriverCall, options: DriverOptions): Judge {
  return {
    ofError: (error) => judgeError(error, call),
    ofResult: (result) =>
      readResult(call, result, options).nothingWritten ? 'nothing' : 'written',
  };
}

function readResult({ method }: DriverCall, result: unknown, options: DriverOptions): QueryResult {
  return method.startsWith('findOneAnd') ? readFound(result, options) : readCounts(result);
}

/** An upsert also stores the values of its filter. */
function listWritten(
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
