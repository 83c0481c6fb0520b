import { createHash } from 'node:crypto';
import { hasCode, messageOf } from '../../model/errors.js';
import { areas, newName } from '../../replica/areas.js';
import { isBackAtPath, judgeAside } from '../../replica/replaced.js';
import type { Failure } from '../../model/words.js';
import { asFailure } from '../failure.js';
import type { Ready } from '../check-remote-dirs.js';
import type { RsyncBackendOptions } from '../options.js';
import type { Route } from '../transfer-route.js';
import { findHostFailure } from './answers.js';
import { transferCommand, verifyCommand, type Ends, type Way } from './commands.js';
import { isTheSame, parseItem } from './itemized.js';
import { RsyncProcess, type Ended } from './rsync-process.js';
import { findRemoteVersion } from './version.js';

/**
 * No disk is slower than this. rsync prints nothing while it reads a large file to compare or
 * resume it.
 */
const READ_BYTES_PER_MS = 20_000;

export interface Called {
  readonly ended: Ended;
  /** A failure of the whole host. Then nobody knows which files arrived. */
  readonly failure?: Failure;
  /** Paths below the sync dir that the receiver certainly has. */
  readonly arrived: ReadonlySet<string>;
  /** Paths at which the receiver's own file won and was put back. */
  readonly kept: ReadonlySet<string>;
}

const none: ReadonlySet<string> = new Set();

/**
 * Transfers a list of files of one sync dir by one rsync, resolves the files that it replaced,
 * and verifies which files arrived. The receiver writes all of them in one folder of the sync dir
 * before it places them.
 */
export async function callRsync(
  options: RsyncBackendOptions,
  usual: Way,
  route: Route,
  batch: readonly Ready[],
  alone: boolean,
  signal: AbortSignal,
): Promise<Called> {
  const way = {
    ...usual,
    timeoutMs:
      usual.timeoutMs + batch.reduce((bytes, { seen }) => bytes + seen.size, 0) / READ_BYTES_PER_MS,
  };
  const ends: Ends = {
    local: route.here.dirPath,
    remote: route.there.dirPath,
    direction: route.direction,
  };
  const aside = newName();
  const partialDir =
    alone && batch[0] !== undefined ? partialDirOf(route, batch[0].rest) : undefined;
  const tmp = batch[0]?.tmp ?? areas.tmp;
  const command = transferCommand(way, ends, {
    chmod: options.chmod,
    tmp,
    aside,
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
  const transfer = new RsyncProcess(command, { list, signal, silenceMs: way.timeoutMs });
  const ended = await transfer.readAll((line) => {
    const item = parseItem(line);
    if (item?.type === 'f' && item.name !== undefined && '<>'.includes(item.update))
      listed.add(item.name);
  });
  const failure = findHostFailure(ended, route.host);
  if (failure !== undefined)
    return {
      ended,
      failure: (await findMissing(ended, route)) ?? failure,
      arrived: none,
      kept: none,
    };
  const kept = await judgeReplaced(options, route, aside);
  if (ended.code === 0 && ended.stderr === '' && batch.every(({ rest }) => listed.has(rest)))
    return { ended, arrived: listed, kept };
  return { ended, kept, ...(await verify(options, way, route, ends, list, signal)) };
}

/**
 * rsync may notice the broken connection before its cause, and then does not mention a program
 * that is missing there. So this asks for it.
 */
async function findMissing(
  { code, stderr }: Ended,
  { connection, host }: Route,
): Promise<Failure | undefined> {
  if (code !== 12 || !stderr.includes('(0 bytes received so far)')) return undefined;
  try {
    await findRemoteVersion(connection, host);
    return undefined;
  } catch (error) {
    return hasCode(error, 'MISSING_PROGRAM') ? asFailure(error, 'host') : undefined;
  }
}

/**
 * Removes the partial file of an interrupted transfer. On a full disk it would keep out all
 * others.
 */
export async function removePartial(route: Route, rest: string): Promise<void> {
  const dir = partialDirOf(route, rest);
  for (const name of (await route.receiver.disk.list(dir)) ?? [])
    await route.receiver.disk.remove(`${dir}/${name}`);
  await route.receiver.disk.removeDirectory(dir);
}

function partialDirOf({ receiver }: Route, rest: string): string {
  return `${receiver.dirPath}/${areas.partial}/${createHash('sha256').update(rest).digest('hex').slice(0, 32)}`;
}

/**
 * Asks the other side which files it has. After an error that is necessary: rsync also lists a
 * file as sent that the receiver then failed to write.
 */
async function verify(
  options: RsyncBackendOptions,
  way: Way,
  route: Route,
  ends: Ends,
  list: readonly string[],
  signal: AbortSignal,
): Promise<{ arrived: ReadonlySet<string>; failure?: Failure }> {
  const arrived = new Set<string>();
  const command = verifyCommand(way, ends);
  options.onCall?.({
    host: route.host.id,
    kind: 'verify',
    files: list.length,
    args: command.args(),
  });
  const ended = await new RsyncProcess(command, { list, signal, silenceMs: way.timeoutMs }).readAll(
    (line) => {
      const item = parseItem(line);
      if (item?.name !== undefined && item.type === 'f' && isTheSame(item)) arrived.add(item.name);
    },
  );
  const failure = findHostFailure(ended, route.host);
  return failure === undefined ? { arrived } : { arrived: none, failure };
}

/** @returns paths at which a replaced file was put back */
async function judgeReplaced(
  { log }: RsyncBackendOptions,
  route: Route,
  aside: string,
): Promise<ReadonlySet<string>> {
  try {
    const judged = await judgeAside(route.receiver, aside, 'replaced', route.judge);
    return new Set(
      judged
        .filter((one) => isBackAtPath([one]))
        .map(({ path }) => path.slice(route.dir.path.length + 1)),
    );
  } catch (error) {
    // The files are safe there, and are resolved later as leftovers.
    log.warn(
      `What was replaced in ${route.receiver.dirPath} of ${route.host.hostname} is still in ` +
        `${areas.aside}/${aside}: ${messageOf(error)}`,
    );
    return none;
  }
}
