import { SyncMediaError } from '../../model/errors.js';
import type { Connection } from '../ssh/connection.js';
import type { Change, Host, Outcome, SyncDir } from '../../model/words.js';
import { asFailure, cancelled, failed } from '../failure.js';
import { inParallel } from '../../util/map-concurrently.js';
import { lookAt, type KnownDirs, type Ready } from '../check-remote-dirs.js';
import type { Shared } from '../options.js';
import { removeFiles } from '../remove.js';
import { openRoute, type Put, type Route } from '../transfer-route.js';
import { fileModeOf } from './small-files/put.js';
import { sendSmallFiles } from './small-files/send.js';
import type { Way } from './commands.js';
import { transferFiles } from './bulk.js';

const SMALL_FILE_LIMIT = 1024 * 1024;
/** More small files than this, in bytes together, go faster by one rsync. */
const SMALL_FILES_TOTAL = 32 * 1024 * 1024;
const LOOKS_AT_ONCE = 16;

/** One delivery, or one fetch, over an open connection. */
export interface Delivery {
  readonly options: Shared;
  readonly connection: Connection;
  /** Called only if rsync is needed. */
  readonly findWay: () => Promise<Way>;
  readonly host: Host;
  readonly direction: Route['direction'];
  readonly signal: AbortSignal;
}

/** Carries out changes, one sync dir after the other, and answers each exactly once. */
export async function* deliver(
  delivery: Delivery,
  changes: readonly Change[],
): AsyncGenerator<Outcome> {
  for (const [dir, own] of groupByDir(changes)) {
    const unanswered = new Set(own);
    try {
      for await (const outcome of deliverDir(delivery, dir, own)) {
        if (unanswered.delete(outcome.change)) yield outcome;
      }
    } catch (error) {
      for (const change of unanswered) yield failed(change, 'rsync', asFailure(error, 'host'));
      continue;
    }
    for (const change of unanswered)
      yield failed(
        change,
        'rsync',
        asFailure(new SyncMediaError('TRANSFER_FAILED', 'It was not answered.'), 'path'),
      );
  }
}

async function* deliverDir(
  delivery: Delivery,
  dir: SyncDir,
  changes: readonly Change[],
): AsyncGenerator<Outcome> {
  const { options, connection, findWay, host, direction, signal } = delivery;
  if (signal.aborted) {
    for (const change of changes) yield failed(change, 'rsync', cancelled());
    return;
  }
  const route = await openRoute(options, connection, host, dir, direction, changes);
  const known: KnownDirs = { source: new Set(), receiver: new Set() };
  const removals = changes.filter((change) => change.do === 'remove');
  const { small, others } = splitBySize(
    changes.filter((change): change is Put => change.do === 'put'),
    await smallLimitOf(delivery),
  );
  if (removals.length > 0) {
    await route.check();
    yield* removeFiles(route, removals, 'sftp', signal);
  }
  yield* sendSmallFiles(
    options.sources,
    route,
    small,
    fileModeOf(options.chmod) ?? 0,
    known.receiver,
    (file) => {
      others.push(file);
    },
    signal,
  );
  if (others.length === 0) return;
  await route.check();
  // A list relative to the root would replace a symlinked sync dir by a new directory.
  const exact: Route = {
    ...route,
    here: { ...route.here, dirPath: await options.root.realDir(dir) },
  };
  const ready: Ready[] = [];
  for await (const looked of inParallel(others, LOOKS_AT_ONCE, (change) =>
    lookAt(exact, change, known),
  )) {
    if ('result' in looked) yield looked;
    else ready.push(looked);
  }
  yield* transferFiles(options, findWay, exact, ready, signal);
}

/**
 * Returns up to how many bytes a file goes by SFTP; 0 if the direction, the mode or the server
 * rules SFTP out.
 */
async function smallLimitOf({ options, direction, connection }: Delivery): Promise<number> {
  const { chmod, smallFileLimit = SMALL_FILE_LIMIT } = options;
  if (direction !== 'send' || smallFileLimit === 0 || fileModeOf(chmod) === undefined) return 0;
  return (await connection.sftp.canReplace()) ? smallFileLimit : 0;
}

function splitBySize(files: readonly Put[], limit: number): { small: Put[]; others: Put[] } {
  let left = SMALL_FILES_TOTAL;
  const small: Put[] = [],
    others: Put[] = [];
  for (const file of files) {
    const { size, mtime } = file.facts;
    // SFTP has no times before 1970.
    const isSmall = limit > 0 && size <= limit && size <= left && mtime >>> 0 === mtime;
    if (isSmall) left -= size;
    (isSmall ? small : others).push(file);
  }
  return { small, others };
}

function groupByDir(changes: readonly Change[]): Map<SyncDir, Change[]> {
  const groups = new Map<string, { dir: SyncDir; own: Change[] }>();
  for (const change of changes) {
    const group = groups.get(change.dir.path) ?? { dir: change.dir, own: [] };
    groups.set(change.dir.path, group);
    group.own.push(change);
  }
  return new Map([...groups.values()].map(({ dir, own }) => [dir, own]));
}
