import { checkParentDirs } from '../../replica/parents.js';
import type { Failure } from '../../model/failure.js';
import type { DeliveryOutcome } from '../../model/change.js';
import { toFailure, makeCancelledFailure, makeFailedOutcome } from '../to-failure.js';
import { streamConcurrently, mergeConcurrently } from '../../util/map-concurrently.js';
import { checkSourceUnchanged, type RealDirs, type ReadyTransfer } from '../check-remote-dirs.js';
import type { BackendOptions } from '../options.js';
import type { TransferRoute } from '../transfer-route.js';
import { isEndedEarly, explainMissingFile } from './answers.js';
import { callRsync, removePartial, type RsyncCallResult } from './call.js';
import type { RsyncTarget } from './commands.js';

const LARGE_FROM = 32 * 1024 * 1024;
/** Limits of one call, because its outcomes are known only when it ends. */
const MAX_FILES = 1_000;
const MAX_BYTES = 256 * 1024 * 1024;
/**
 * rsync flushes one file after the other, but a disk flushes several at once. So many files are
 * fetched by several calls in parallel, with at least this many files each. Two fetches may run at
 * once, and sshd allows ten sessions on a connection.
 */
const FETCHES_AT_ONCE = 3,
  MIN_FILES = 64;
/** How often the rest of a list is sent again. */
const MAX_TRIES = 6;
const CHECKS_AT_ONCE = 16;

/**
 * Transfers the files of one sync dir. Files that share a tmp folder go together. Large files go
 * last and alone, so that they delay no other.
 */
export async function* transferFiles(
  options: BackendOptions,
  findRsyncTarget: () => Promise<RsyncTarget>,
  route: TransferRoute,
  files: readonly ReadyTransfer[],
  signal: AbortSignal,
): AsyncGenerator<DeliveryOutcome> {
  if (files.length === 0) return;
  const rsyncTarget = await findRsyncTarget();
  const largeFrom = options.largeFileFrom ?? LARGE_FROM;
  const isLarge = ({ info }: ReadyTransfer): boolean => info.size >= largeFrom;
  // The bandwidth limit counts for each call. Small files are sent by SFTP over several channels,
  // so sending needs no parallel calls.
  const atOnce =
    route.direction === 'fetch' && options.bandwidthLimit === undefined ? FETCHES_AT_ONCE : 1;
  const others = files.filter((file) => !isLarge(file));
  yield* mergeConcurrently(
    mapLazily(splitIntoCalls(others, atOnce), (batch) =>
      transferBatch(options, rsyncTarget, route, batch, false, signal),
    ),
    atOnce,
  );
  for (const file of files.filter(isLarge))
    yield* transferBatch(options, rsyncTarget, route, [file], true, signal);
}

async function* transferBatch(
  options: BackendOptions,
  rsyncTarget: RsyncTarget,
  route: TransferRoute,
  batch: readonly ReadyTransfer[],
  alone: boolean,
  signal: AbortSignal,
): AsyncGenerator<DeliveryOutcome> {
  let remaining = batch;
  for (let tries = 1; remaining.length > 0; tries++) {
    const result = signal.aborted
      ? undefined
      : await callRsync(options, rsyncTarget, route, remaining, alone, signal);
    const failure = result === undefined ? makeCancelledFailure() : result.failure;
    if (result === undefined || failure !== undefined) {
      for (const { change } of remaining)
        yield makeFailedOutcome(change, 'rsync', failure ?? makeCancelledFailure());
      return;
    }
    const [kept, others] = [
      remaining.filter(({ rest }) => result.kept.has(rest)),
      remaining.filter(({ rest }) => !result.kept.has(rest)),
    ];
    for (const { change, info } of kept)
      yield { change, via: 'rsync', bytes: info.size, result: 'kept' };
    const arrived = others.filter(({ rest }) => result.arrived.has(rest));
    const missing = others.filter(({ rest }) => !result.arrived.has(rest));
    yield* confirmArrived(route, arrived);
    const { again, blocked } = await sortMissingFiles(route, result, missing, tries < MAX_TRIES);
    for (const { file, failure: why } of blocked) {
      if (alone && why.code === 'DISK_FULL')
        await removePartial(route, file.rest).catch(() => undefined);
      yield (
        (await checkSourceUnchanged(route, file)) ?? makeFailedOutcome(file.change, 'rsync', why)
      );
    }
    if (alone && arrived.length > 0)
      await removePartial(route, arrived[0]?.rest ?? '').catch(() => undefined);
    remaining = again;
  }
}

/**
 * Confirms files that arrived. A file is delivered only if its source stayed the version during
 * the whole call, and only real directories lead to it.
 */
async function* confirmArrived(
  route: TransferRoute,
  files: readonly ReadyTransfer[],
): AsyncGenerator<DeliveryOutcome> {
  const known: RealDirs = { source: new Set(), receiver: new Set() };
  yield* streamConcurrently(files, CHECKS_AT_ONCE, async (file): Promise<DeliveryOutcome> => {
    const { change, info } = file;
    try {
      await checkParentDirs(route.receiver, change.path, known.receiver);
    } catch (error) {
      return makeFailedOutcome(change, 'rsync', toFailure(error, 'path'));
    }
    return (
      (await checkSourceUnchanged(route, file, known.source)) ?? {
        change,
        via: 'rsync',
        bytes: info.size,
        result: 'delivered',
      }
    );
  });
}

/**
 * Sorts files that did not arrive. The path at which the call ended is blocked, the others are
 * sent again. On a full disk only those are sent again that fit, smallest first.
 */
async function sortMissingFiles(
  route: TransferRoute,
  { exit }: RsyncCallResult,
  missing: readonly ReadyTransfer[],
  mayGoAgain: boolean,
): Promise<{
  again: readonly ReadyTransfer[];
  blocked: { file: ReadyTransfer; failure: Failure }[];
}> {
  const explained = missing.map((file) => ({ file, ...explainMissingFile(exit, file.rest) }));
  if (!isEndedEarly(exit) || !mayGoAgain) return { again: [], blocked: explained };
  // If rsync named no path, the first missing one is to blame: rsync works in the order of names.
  const named = explained.filter((one) => one.named);
  const culprits =
    named.length > 0
      ? named
      : explained.sort((a, b) => (a.file.rest < b.file.rest ? -1 : 1)).slice(0, 1);
  const others = explained
    .filter((one) => !culprits.includes(one))
    .sort((a, b) => a.file.info.size - b.file.info.size);
  const isFull = culprits.some(({ failure }) => failure.code === 'DISK_FULL');
  let free = isFull ? ((await route.freeBytes().catch(() => undefined)) ?? Infinity) : Infinity;
  const again: ReadyTransfer[] = [];
  const blocked = [...culprits];
  for (const one of others) {
    // A file occupies whole blocks.
    free -= Math.ceil((one.file.info.size + 1) / 4096) * 4096;
    if (free >= 0) again.push(one.file);
    else blocked.push(one);
  }
  return { again, blocked };
}

/**
 * Groups files by tmp folder. All files of one call are written in one folder before they are
 * placed.
 */
function groupByTmp(files: readonly ReadyTransfer[]): ReadyTransfer[][] {
  const groups = new Map<string, ReadyTransfer[]>();
  for (const file of files) {
    const group = groups.get(file.tmp) ?? [];
    groups.set(file.tmp, group);
    group.push(file);
  }
  return [...groups.values()];
}

/** Makes each result only when the caller asks for it. */
function* mapLazily<T, R>(items: Iterable<T>, make: (item: T) => R): Generator<R> {
  for (const item of items) yield make(item);
}

/** Splits files into the batches of calls, of which `atOnce` run in parallel. */
function* splitIntoCalls(
  files: readonly ReadyTransfer[],
  atOnce: number,
): Generator<readonly ReadyTransfer[]> {
  const most =
    atOnce === 1
      ? MAX_FILES
      : Math.min(MAX_FILES, Math.max(MIN_FILES, Math.ceil(files.length / atOnce)));
  for (const group of groupByTmp(files)) yield* splitIntoBatches(group, most);
}

function* splitIntoBatches(
  files: readonly ReadyTransfer[],
  maxFiles: number,
): Generator<readonly ReadyTransfer[]> {
  let batch: ReadyTransfer[] = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length > 0 && (batch.length >= maxFiles || bytes + file.info.size > MAX_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.info.size;
  }
  if (batch.length > 0) yield batch;
}
