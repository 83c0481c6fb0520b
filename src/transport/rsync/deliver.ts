import { SyncMediaError } from '../../model/errors.js';
import type { SshConnection } from '../ssh/connection.js';
import type { Change, DeliveryOutcome } from '../../model/change.js';
import type { Host } from '../../model/host.js';
import type { SyncDir } from '../../model/sync-dir.js';
import { toFailure, makeCancelledFailure, makeFailedOutcome } from '../to-failure.js';
import { streamConcurrently } from '../../util/map-concurrently.js';
import { prepareTransfer, type RealDirs, type ReadyTransfer } from '../check-remote-dirs.js';
import type { RsyncBackendContext } from '../options.js';
import { removeFiles } from '../remove.js';
import { openTransferRoute, type PutChange, type TransferRoute } from '../transfer-route.js';
import { parseFileMode } from './small-files/put.js';
import { sendSmallFiles } from './small-files/send.js';
import type { RsyncTarget } from './commands.js';
import { transferFiles } from './bulk.js';

const SMALL_FILE_LIMIT = 1024 * 1024;
/** More small files than this, in bytes together, go faster by one rsync. */
const SMALL_FILES_TOTAL = 32 * 1024 * 1024;
const CHECKS_AT_ONCE = 16;

/** One delivery, or one fetch, over an open connection. */
interface RsyncDelivery {
  readonly options: RsyncBackendContext;
  readonly connection: SshConnection;
  /** Called only if rsync is needed. */
  readonly findRsyncTarget: () => Promise<RsyncTarget>;
  readonly host: Host;
  readonly direction: TransferRoute['direction'];
  readonly signal: AbortSignal;
}

/** Carries out changes, one sync dir after the other, and answers each exactly once. */
export async function* deliverChanges(
  delivery: RsyncDelivery,
  changes: readonly Change[],
): AsyncGenerator<DeliveryOutcome> {
  for (const [dir, own] of groupByDir(changes)) {
    const unanswered = new Set(own);
    try {
      for await (const outcome of deliverToDir(delivery, dir, own)) {
        if (unanswered.delete(outcome.change)) yield outcome;
      }
    } catch (error) {
      for (const change of unanswered)
        yield makeFailedOutcome(change, 'rsync', toFailure(error, 'host'));
      continue;
    }
    for (const change of unanswered)
      yield makeFailedOutcome(
        change,
        'rsync',
        toFailure(new SyncMediaError('TRANSFER_FAILED', 'It was not answered.'), 'path'),
      );
  }
}

async function* deliverToDir(
  delivery: RsyncDelivery,
  dir: SyncDir,
  changes: readonly Change[],
): AsyncGenerator<DeliveryOutcome> {
  const { options, connection, findRsyncTarget, host, direction, signal } = delivery;
  if (signal.aborted) {
    for (const change of changes) yield makeFailedOutcome(change, 'rsync', makeCancelledFailure());
    return;
  }
  const route = await openTransferRoute(options, connection, host, dir, direction, changes);
  const known: RealDirs = { source: new Set(), receiver: new Set() };
  const removals = changes.filter((change) => change.do === 'remove');
  const { small, others } = splitBySize(
    changes.filter((change): change is PutChange => change.do === 'put'),
    await findSmallFileLimit(delivery),
  );
  if (removals.length > 0) {
    await route.check();
    yield* removeFiles(route, removals, 'sftp', signal);
  }
  yield* sendSmallFiles(
    options.sources,
    route,
    small,
    parseFileMode(options.chmod) ?? 0,
    known.receiver,
    (file) => {
      others.push(file);
    },
    signal,
  );
  if (others.length === 0) return;
  await route.check();
  // A list relative to the root would replace a symlinked sync dir by a new directory.
  const exact: TransferRoute = {
    ...route,
    here: { ...route.here, dirPath: await options.replica.resolveRealDir(dir) },
  };
  const ready: ReadyTransfer[] = [];
  for await (const prepared of streamConcurrently(others, CHECKS_AT_ONCE, (change) =>
    prepareTransfer(exact, change, known),
  )) {
    if ('result' in prepared) yield prepared;
    else ready.push(prepared);
  }
  yield* transferFiles(options, findRsyncTarget, exact, ready, signal);
}

/**
 * Returns up to how many bytes a file goes by SFTP; 0 if the direction, the mode or the server
 * rules SFTP out.
 */
async function findSmallFileLimit({
  options,
  direction,
  connection,
}: RsyncDelivery): Promise<number> {
  const { chmod, smallFileLimit = SMALL_FILE_LIMIT } = options;
  if (direction !== 'send' || smallFileLimit === 0 || parseFileMode(chmod) === undefined) return 0;
  return (await connection.sftp.canReplace()) ? smallFileLimit : 0;
}

function splitBySize(
  files: readonly PutChange[],
  limit: number,
): { small: PutChange[]; others: PutChange[] } {
  let bytesLeft = SMALL_FILES_TOTAL;
  const small: PutChange[] = [],
    others: PutChange[] = [];
  for (const file of files) {
    const { size, mtime } = file.info;
    // SFTP has no times before 1970.
    const isSmall = limit > 0 && size <= limit && size <= bytesLeft && mtime >>> 0 === mtime;
    if (isSmall) bytesLeft -= size;
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
