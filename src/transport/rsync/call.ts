import { createHash } from 'node:crypto';
import { hasErrorCode, getErrorMessage } from '../../model/errors.js';
import { areas, newName } from '../../replica/areas.js';
import { isBackAtPath, resolveReplacedFolder } from '../../replica/replaced.js';
import type { Failure } from '../../model/failure.js';
import { toFailure } from '../to-failure.js';
import type { ReadyTransfer } from '../check-remote-dirs.js';
import type { BackendOptions } from '../options.js';
import type { TransferRoute } from '../transfer-route.js';
import { findHostFailure } from './answers.js';
import {
  makeTransferCommand,
  makeVerifyCommand,
  type TransferEnds,
  type RsyncTarget,
} from './commands.js';
import { isUnchangedItem, parseItemizedLine } from './itemized.js';
import { RsyncProcess, type RsyncExit } from './rsync-process.js';
import { findRemoteRsyncVersion } from './version.js';

/**
 * No disk is slower than this. rsync prints nothing while it reads a large file to compare or
 * resume it.
 */
const READ_BYTES_PER_MS = 20_000;

export interface RsyncCallResult {
  readonly exit: RsyncExit;
  /** A failure of the whole host. Then nobody knows which files arrived. */
  readonly failure?: Failure;
  /** Paths below the sync dir that the receiver certainly has. */
  readonly arrived: ReadonlySet<string>;
  /** Paths at which the receiver's own file won and was put back. */
  readonly kept: ReadonlySet<string>;
}

const noPaths: ReadonlySet<string> = new Set();

/**
 * Transfers a list of files of one sync dir by one rsync, resolves the files that it replaced,
 * and verifies which files arrived. The receiver writes all of them in one folder of the sync dir
 * before it places them.
 */
export async function callRsync(
  options: BackendOptions,
  defaultTarget: RsyncTarget,
  route: TransferRoute,
  batch: readonly ReadyTransfer[],
  alone: boolean,
  signal: AbortSignal,
): Promise<RsyncCallResult> {
  const rsyncTarget = {
    ...defaultTarget,
    timeoutMs:
      defaultTarget.timeoutMs +
      batch.reduce((bytes, { info }) => bytes + info.size, 0) / READ_BYTES_PER_MS,
  };
  const ends: TransferEnds = {
    local: route.here.dirPath,
    remote: route.there.dirPath,
    direction: route.direction,
  };
  const replacedFolder = newName();
  const partialDir =
    alone && batch[0] !== undefined ? getPartialDir(route, batch[0].rest) : undefined;
  const tmp = batch[0]?.tmp ?? areas.tmp;
  const command = makeTransferCommand(rsyncTarget, ends, {
    chmod: options.chmod,
    tmp,
    replacedFolder,
    ...(partialDir === undefined ? {} : { partialDir }),
  });
  // Without the dot, a name that begins with # or ; could be a comment.
  const list = batch.map(({ rest }) => `./${rest}`);
  options.onCall?.({
    host: route.host.id,
    kind: 'transfer',
    files: list.length,
    args: command.args(),
  });
  const listed = new Set<string>();
  const transfer = new RsyncProcess(command, { list, signal, silenceMs: rsyncTarget.timeoutMs });
  const exit = await transfer.readAll((line) => {
    const item = parseItemizedLine(line);
    if (item?.type === 'f' && item.name !== undefined && '<>'.includes(item.update))
      listed.add(item.name);
  });
  const failure = findHostFailure(exit, route.host);
  if (failure !== undefined)
    return {
      exit,
      failure: (await findMissingProgram(exit, route)) ?? failure,
      arrived: noPaths,
      kept: noPaths,
    };
  const kept = await resolveReplaced(options, route, replacedFolder);
  if (exit.code === 0 && exit.stderr === '' && batch.every(({ rest }) => listed.has(rest)))
    return { exit, arrived: listed, kept };
  return { exit, kept, ...(await verifyArrived(options, rsyncTarget, route, ends, list, signal)) };
}

/**
 * rsync may notice the broken connection before its cause, and then does not mention a program
 * that is missing there. So this asks for it.
 */
async function findMissingProgram(
  { code, stderr }: RsyncExit,
  { connection, host }: TransferRoute,
): Promise<Failure | undefined> {
  if (code !== 12 || !stderr.includes('(0 bytes received so far)')) return undefined;
  try {
    await findRemoteRsyncVersion(connection, host);
    return undefined;
  } catch (error) {
    return hasErrorCode(error, 'MISSING_PROGRAM') ? toFailure(error, 'host') : undefined;
  }
}

/**
 * Removes the partial file of an interrupted transfer. On a full disk it would keep out all
 * others.
 */
export async function removePartial(route: TransferRoute, rest: string): Promise<void> {
  const dir = getPartialDir(route, rest);
  for (const name of (await route.receiver.disk.list(dir)) ?? [])
    await route.receiver.disk.remove(`${dir}/${name}`);
  await route.receiver.disk.removeDirectory(dir);
}

function getPartialDir({ receiver }: TransferRoute, rest: string): string {
  const hash = createHash('sha256').update(rest).digest('hex').slice(0, 32);
  return `${receiver.dirPath}/${areas.partial}/${hash}`;
}

/**
 * Asks the other side which files it has. After an error that is necessary: rsync also lists a
 * file as sent that the receiver then failed to write.
 */
async function verifyArrived(
  options: BackendOptions,
  rsyncTarget: RsyncTarget,
  route: TransferRoute,
  ends: TransferEnds,
  list: readonly string[],
  signal: AbortSignal,
): Promise<{ arrived: ReadonlySet<string>; failure?: Failure }> {
  const arrived = new Set<string>();
  const command = makeVerifyCommand(rsyncTarget, ends);
  options.onCall?.({
    host: route.host.id,
    kind: 'verify',
    files: list.length,
    args: command.args(),
  });
  const exit = await new RsyncProcess(command, {
    list,
    signal,
    silenceMs: rsyncTarget.timeoutMs,
  }).readAll((line) => {
    const item = parseItemizedLine(line);
    if (item?.name !== undefined && item.type === 'f' && isUnchangedItem(item))
      arrived.add(item.name);
  });
  const failure = findHostFailure(exit, route.host);
  return failure === undefined ? { arrived } : { arrived: noPaths, failure };
}

/** @returns paths at which a replaced file was put back */
async function resolveReplaced(
  { log }: BackendOptions,
  route: TransferRoute,
  replacedFolder: string,
): Promise<ReadonlySet<string>> {
  try {
    const resolved = await resolveReplacedFolder(
      route.receiver,
      replacedFolder,
      'replaced',
      route.resolver,
    );
    return new Set(
      resolved
        .filter((one) => isBackAtPath([one]))
        .map(({ path }) => path.slice(route.dir.path.length + 1)),
    );
  } catch (error) {
    // The files are safe there, and are resolved later as leftovers.
    log.warn(
      `Replaced files in ${route.receiver.dirPath} of ${route.host.hostname} is still in ` +
        `${areas.replaced}/${replacedFolder}: ${getErrorMessage(error)}`,
    );
    return noPaths;
  }
}
