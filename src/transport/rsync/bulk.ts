import { checkParents } from '../../replica/parents.js';
import type { Failure, Outcome } from '../../model/words.js';
import { asFailure, cancelled, failed } from '../failure.js';
import { inParallel, interleave } from '../../util/map-concurrently.js';
import { lookAgain, type KnownDirs, type Ready } from '../check-remote-dirs.js';
import type { RsyncBackendOptions } from '../options.js';
import type { Route } from '../transfer-route.js';
import { endedEarly, explain } from './answers.js';
import { callRsync, removePartial, type Called } from './call.js';
import type { Way } from './commands.js';

const LARGE_FROM = 32 * 1024 * 1024;
/** Limits of one call, because its outcomes are known only when it ends. */
const MAX_FILES = 1_000;
const MAX_BYTES = 256 * 1024 * 1024;
/**
 * rsync flushes one file after the other, but a disk flushes several at once. So many files are
 * fetched by several calls in parallel, with at least this many files each.
 */
const FETCHES_AT_ONCE = 4,
  MIN_FILES = 64;
/** How often the rest of a list is sent again. */
const MAX_TRIES = 6;
const LOOKS_AT_ONCE = 16;

/**
 * Transfers the files of one sync dir. Files that share a tmp folder go together. Large files go
 * last and alone, so that they delay no other.
 */
export async function* transferFiles(
  options: RsyncBackendOptions,
  findWay: () => Promise<Way>,
  route: Route,
  files: readonly Ready[],
  signal: AbortSignal,
): AsyncGenerator<Outcome> {
  if (files.length === 0) return;
  const way = await findWay();
  const largeFrom = options.largeFileFrom ?? LARGE_FROM;
  const isLarge = ({ seen }: Ready): boolean => seen.size > largeFrom;
  // The bandwidth limit counts for each call. Small files are sent by SFTP over several channels,
  // so sending needs no parallel calls.
  const atOnce =
    route.direction === 'fetch' && options.bandwidthLimit === undefined ? FETCHES_AT_ONCE : 1;
  const others = files.filter((file) => !isLarge(file));
  yield* interleave(
    mapEach(splitAll(others, atOnce), (batch) =>
      transferBatch(options, way, route, batch, false, signal),
    ),
    atOnce,
  );
  for (const file of files.filter(isLarge))
    yield* transferBatch(options, way, route, [file], true, signal);
}

async function* transferBatch(
  options: RsyncBackendOptions,
  way: Way,
  route: Route,
  batch: readonly Ready[],
  alone: boolean,
  signal: AbortSignal,
): AsyncGenerator<Outcome> {
  let left = batch;
  for (let tries = 1; left.length > 0; tries++) {
    const called = signal.aborted
      ? undefined
      : await callRsync(options, way, route, left, alone, signal);
    const failure = called === undefined ? cancelled() : called.failure;
    if (called === undefined || failure !== undefined) {
      for (const { change } of left) yield failed(change, 'rsync', failure ?? cancelled());
      return;
    }
    const [kept, others] = [
      left.filter(({ rest }) => called.kept.has(rest)),
      left.filter(({ rest }) => !called.kept.has(rest)),
    ];
    for (const { change, seen } of kept)
      yield { change, via: 'rsync', bytes: seen.size, result: 'kept' };
    const arrived = others.filter(({ rest }) => called.arrived.has(rest));
    const missing = others.filter(({ rest }) => !called.arrived.has(rest));
    yield* confirm(route, arrived);
    const { again, blocked } = await sortMissing(route, called, missing, tries < MAX_TRIES);
    for (const { file, failure: why } of blocked) {
      if (alone && why.code === 'DISK_FULL')
        await removePartial(route, file.rest).catch(() => undefined);
      yield (await lookAgain(route, file)) ?? failed(file.change, 'rsync', why);
    }
    if (alone && arrived.length > 0)
      await removePartial(route, arrived[0]?.rest ?? '').catch(() => undefined);
    left = again;
  }
}

/**
 * Confirms files that arrived. A file is delivered only if its source stayed the version during
 * the whole call, and only real directories lead to it.
 */
async function* confirm(route: Route, files: readonly Ready[]): AsyncGenerator<Outcome> {
  const known: KnownDirs = { source: new Set(), receiver: new Set() };
  yield* inParallel(files, LOOKS_AT_ONCE, async (file): Promise<Outcome> => {
    const { change, seen } = file;
    try {
      await checkParents(route.receiver, change.path, known.receiver);
    } catch (error) {
      return failed(change, 'rsync', asFailure(error, 'path'));
    }
    return (
      (await lookAgain(route, file, known.source)) ?? {
        change,
        via: 'rsync',
        bytes: seen.size,
        result: 'delivered',
      }
    );
  });
}

/**
 * Sorts files that did not arrive. The path at which the call ended is blocked, the others are
 * sent again. On a full disk only those are sent again that fit, smallest first.
 */
async function sortMissing(
  route: Route,
  { ended }: Called,
  missing: readonly Ready[],
  mayGoAgain: boolean,
): Promise<{ again: readonly Ready[]; blocked: { file: Ready; failure: Failure }[] }> {
  const told = missing.map((file) => ({ file, ...explain(ended, file.rest) }));
  if (!endedEarly(ended) || !mayGoAgain) return { again: [], blocked: told };
  // If rsync named no path, the first missing one is to blame: rsync works in the order of names.
  const named = told.filter((one) => one.named);
  const culprits =
    named.length > 0
      ? named
      : told.sort((a, b) => (a.file.rest < b.file.rest ? -1 : 1)).slice(0, 1);
  const others = told
    .filter((one) => !culprits.includes(one))
    .sort((a, b) => a.file.seen.size - b.file.seen.size);
  const isFull = culprits.some(({ failure }) => failure.code === 'DISK_FULL');
  let free = isFull ? ((await route.freeBytes().catch(() => undefined)) ?? Infinity) : Infinity;
  const again: Ready[] = [];
  const blocked = [...culprits];
  for (const one of others) {
    // A file occupies whole blocks.
    free -= Math.ceil((one.file.seen.size + 1) / 4096) * 4096;
    if (free >= 0) again.push(one.file);
    else blocked.push(one);
  }
  return { again, blocked };
}

/**
 * Groups files by tmp folder. All files of one call are written in one folder before they are
 * placed.
 */
function groupByTmp(files: readonly Ready[]): Ready[][] {
  const groups = new Map<string, Ready[]>();
  for (const file of files) {
    const group = groups.get(file.tmp) ?? [];
    groups.set(file.tmp, group);
    group.push(file);
  }
  return [...groups.values()];
}

/** Makes each result only when the caller asks for it. */
function* mapEach<T, R>(items: Iterable<T>, make: (item: T) => R): Generator<R> {
  for (const item of items) yield make(item);
}

/** Splits files into the batches of calls, of which `atOnce` run in parallel. */
function* splitAll(files: readonly Ready[], atOnce: number): Generator<readonly Ready[]> {
  const most =
    atOnce === 1
      ? MAX_FILES
      : Math.min(MAX_FILES, Math.max(MIN_FILES, Math.ceil(files.length / atOnce)));
  for (const group of groupByTmp(files)) yield* split(group, most);
}

function* split(files: readonly Ready[], maxFiles: number): Generator<readonly Ready[]> {
  let batch: Ready[] = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length > 0 && (batch.length >= maxFiles || bytes + file.seen.size > MAX_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.seen.size;
  }
  if (batch.length > 0) yield batch;
}
