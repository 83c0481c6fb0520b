import { checkParents } from '../../root/parents.js';
import type { Failure, Outcome } from '../../words.js';
import { asFailure, cancelled, failed } from '../failure.js';
import { inParallel, interleave } from '../in-parallel.js';
import { lookAgain, type KnownDirs, type Ready } from '../look.js';
import type { RsyncBackendOptions } from '../options.js';
import type { Route } from '../route.js';
import { endedEarly, explain } from './answers.js';
import { callRsync, removePartial, type Called } from './call.js';
import type { Way } from './commands.js';

const LARGE_FROM = 32 * 1024 * 1024;
/** What one call is given at most: its outcomes are known only when it ends. */
const MAX_FILES = 1_000;
const MAX_BYTES = 256 * 1024 * 1024;
/**
 * rsync flushes one file after the other, and a disk flushes several in the time of one: many files are fetched by several calls at once, none
 * of fewer files than this.
 */
const FETCHES_AT_ONCE = 4, MIN_FILES = 64;
/** How often what was left of a list goes again. */
const MAX_TRIES = 6;
const LOOKS_AT_ONCE = 16;

/** Transfers the files of one sync dir: those of one group of directories together, each large one alone, last, so that it delays none. */
export async function* transferFiles(options: RsyncBackendOptions, findWay: () => Promise<Way>, route: Route, files: readonly Ready[], signal: AbortSignal): AsyncGenerator<Outcome> {
  if (files.length === 0) return;
  const way = await findWay();
  const largeFrom = options.largeFileFrom ?? LARGE_FROM;
  const isLarge = ({ seen }: Ready): boolean => seen.size > largeFrom;
  // The bandwidth limit counts for each call. What is sent goes by SFTP where it is small, over several channels.
  const atOnce = route.direction === 'fetch' && options.bandwidthLimit === undefined ? FETCHES_AT_ONCE : 1;
  const others = files.filter((file) => !isLarge(file));
  yield* interleave(mapEach(splitAll(others, atOnce), (batch) => transferBatch(options, way, route, batch, false, signal)), atOnce);
  for (const file of files.filter(isLarge)) yield* transferBatch(options, way, route, [file], true, signal);
}

async function* transferBatch(options: RsyncBackendOptions, way: Way, route: Route, batch: readonly Ready[], alone: boolean, signal: AbortSignal): AsyncGenerator<Outcome> {
  let left = batch;
  for (let tries = 1; left.length > 0; tries++) {
    const called = signal.aborted ? undefined : await callRsync(options, way, route, left, alone, signal);
    const failure = called === undefined ? cancelled() : called.failure;
    if (called === undefined || failure !== undefined) {
      for (const { change } of left) yield failed(change, 'rsync', failure ?? cancelled());
      return;
    }
    const [kept, others] = [left.filter(({ rest }) => called.kept.has(rest)), left.filter(({ rest }) => !called.kept.has(rest))];
    for (const { change, seen } of kept) yield { change, via: 'rsync', bytes: seen.size, result: 'kept' };
    const arrived = others.filter(({ rest }) => called.arrived.has(rest));
    const missing = others.filter(({ rest }) => !called.arrived.has(rest));
    yield* confirm(route, arrived);
    const { again, blocked } = await sortMissing(route, called, missing, tries < MAX_TRIES);
    for (const { file, failure: why } of blocked) {
      if (alone && why.code === 'DISK_FULL') await removePartial(route, file.rest).catch(() => undefined);
      yield (await lookAgain(route, file)) ?? failed(file.change, 'rsync', why);
    }
    if (alone && arrived.length > 0) await removePartial(route, arrived[0]?.rest ?? '').catch(() => undefined);
    left = again;
  }
}

/** Delivered is only what was, from before the call until after it, the version; and what went through real directories. */
async function* confirm(route: Route, files: readonly Ready[]): AsyncGenerator<Outcome> {
  const known: KnownDirs = { source: new Set(), receiver: new Set() };
  yield* inParallel(files, LOOKS_AT_ONCE, async (file): Promise<Outcome> => {
    const { change, seen } = file;
    try {
      await checkParents(route.receiver, change.path, known.receiver);
    } catch (error) {
      return failed(change, 'rsync', asFailure(error, 'path'));
    }
    return (await lookAgain(route, file, known.source)) ?? { change, via: 'rsync', bytes: seen.size, result: 'delivered' };
  });
}

/**
 * What did not arrive: the path at which the call ended is blocked by itself, what was behind it goes again. On a full disk only
 * what fits does, the smallest first.
 */
async function sortMissing(
  route: Route, { ended }: Called, missing: readonly Ready[], mayGoAgain: boolean,
): Promise<{ again: readonly Ready[]; blocked: { file: Ready; failure: Failure }[] }> {
  const told = missing.map((file) => ({ file, ...explain(ended, file.rest) }));
  if (!endedEarly(ended) || !mayGoAgain) return { again: [], blocked: told };
  // Where rsync named none it was the first that is missing: it takes them in the order of their names.
  const named = told.filter((one) => one.named);
  const culprits = named.length > 0 ? named : told.sort((a, b) => (a.file.rest < b.file.rest ? -1 : 1)).slice(0, 1);
  const others = told.filter((one) => !culprits.includes(one)).sort((a, b) => a.file.seen.size - b.file.seen.size);
  const isFull = culprits.some(({ failure }) => failure.code === 'DISK_FULL');
  let free = isFull ? ((await route.freeBytes().catch(() => undefined)) ?? Infinity) : Infinity;
  const again: Ready[] = [];
  const blocked = [...culprits];
  for (const one of others) {
    // Files take whole blocks.
    free -= Math.ceil((one.file.seen.size + 1) / 4096) * 4096;
    if (free >= 0) again.push(one.file);
    else blocked.push(one);
  }
  return { again, blocked };
}

/** What one call writes lies in one folder until it is placed. */
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

/** What each call is given, where so many run at once. */
function* splitAll(files: readonly Ready[], atOnce: number): Generator<readonly Ready[]> {
  const most = atOnce === 1 ? MAX_FILES : Math.min(MAX_FILES, Math.max(MIN_FILES, Math.ceil(files.length / atOnce)));
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
