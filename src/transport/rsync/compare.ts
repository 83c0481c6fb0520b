import { hasErrorCode } from '../../model/errors.js';
import { isSafePath } from '../../replica/paths.js';
import type { Difference } from '../../model/change.js';
import type { FileInfo, LocalFileInfo } from '../../model/file.js';
import type { Path } from '../../model/path.js';
import { mapConcurrently } from '../../util/map-concurrently.js';
import { throwFailure } from '../to-failure.js';
import type { BackendOptions } from '../options.js';
import { haveSameSizeAndTime } from '../../decisions/file-state.js';
import type { TransferRoute } from '../transfer-route.js';
import { findHostFailure, summariseStderr } from './answers.js';
import { makeCompareCommand, type RsyncTarget } from './commands.js';
import { parseItemizedLine, type ItemizedLine } from './itemized.js';
import { RsyncProcess } from './rsync-process.js';

/**
 * rsync's messages about a path that is too long, which renames can produce. It lists all other
 * files.
 */
const TOO_LONG =
  /: File name too long \(\d+\)\n?$|^(?:rsync: )?(?:\[\w+\] )?(?:filename overflows max-path len|skipping overly[ -]long (?:file ?)?name)/;

/**
 * Messages that concern one path only. One of them: a path is a directory on one end and a file
 * on the other.
 */
const OF_ONE_PATH = new RegExp(
  `${TOO_LONG.source}|could not make way for |: Not a directory \\(20\\)|default_perms_for_dir: `,
);

/**
 * A listing with few differences prints nothing for a long time. rsync itself checks that data
 * flows.
 */
const SILENCE_FACTOR = 60;

/** Listed files whose paths are looked at together, and how many of these at the same time. */
const OBSERVED_TOGETHER = 100,
  OBSERVED_AT_ONCE = 8;

/**
 * Lists the differences of both ends with two rsync listings that change nothing: first files
 * that this host lacks or that differ, then files that the other host lacks. Both listings
 * stream, so memory does not grow with the number of files.
 *
 * @param from `other`: only the first listing
 * @throws the failure of the host or of rsync, after the differences found until then
 */
export async function* compareEnds(
  options: BackendOptions,
  rsyncTarget: RsyncTarget,
  route: TransferRoute,
  by: 'time' | 'bytes',
  from: 'both' | 'other',
  signal: AbortSignal,
): AsyncGenerator<Difference> {
  const listed = listDifferences(options, rsyncTarget, route, by, 'fetch', signal);
  for await (const { path, info, sameBytes, here } of observeListed(options, listed)) {
    if (here === undefined || by === 'bytes' || !haveSameSizeAndTime(here, info))
      yield {
        path,
        there: info,
        ...(here === undefined ? {} : { here: pickSizeAndTime(here) }),
        ...(sameBytes && here !== undefined ? { sameBytes } : {}),
      };
  }
  if (from === 'other') return;
  const lacking = listDifferences(options, rsyncTarget, route, by, 'send', signal);
  for await (const { path, here } of observeListed(options, lacking))
    if (here !== undefined) yield { path, here: pickSizeAndTime(here) };
}

interface ListedFile {
  readonly path: Path;
  readonly info: FileInfo;
  readonly sameBytes?: true;
}

/** Adds to each listed file the one at its path on this host, in the order of the list. */
async function* observeListed(
  options: BackendOptions,
  listed: AsyncIterable<ListedFile>,
): AsyncGenerator<ListedFile & { readonly here: LocalFileInfo | undefined }> {
  const observe = async (
    file: ListedFile,
  ): Promise<ListedFile & { here: LocalFileInfo | undefined }> => ({
    ...file,
    here: await observeLocalFile(options, file.path),
  });
  let some: ListedFile[] = [];
  for await (const file of listed) {
    if (some.push(file) < OBSERVED_TOGETHER) continue;
    const full = some;
    some = [];
    yield* await mapConcurrently(full, OBSERVED_AT_ONCE, observe);
  }
  yield* await mapConcurrently(some, OBSERVED_AT_ONCE, observe);
}

/**
 * Lists files that this host lacks or that differ (`fetch`), or that the other host lacks
 * (`send`).
 */
async function* listDifferences(
  options: BackendOptions,
  rsyncTarget: RsyncTarget,
  route: TransferRoute,
  by: 'time' | 'bytes',
  direction: 'send' | 'fetch',
  signal: AbortSignal,
): AsyncGenerator<ListedFile> {
  const { dir, host } = route;
  const inner = options
    .dirs()
    .list.filter(({ path }) => path.startsWith(`${dir.path}/`))
    .map(({ path }) => path.slice(dir.path.length + 1));
  const ends = { local: route.here.dirPath, remote: route.there.dirPath, direction };
  const silenceMs = rsyncTarget.timeoutMs * SILENCE_FACTOR;
  // While rsync reads whole files it sends nothing for as long.
  const timeoutMs = by === 'bytes' ? silenceMs : rsyncTarget.timeoutMs;
  const command = makeCompareCommand(
    { ...rsyncTarget, timeoutMs },
    ends,
    dir,
    inner,
    by,
    direction === 'send' ? 'new' : undefined,
  );
  options.onCall?.({ host: host.id, kind: 'compare', files: 0, args: command.args() });
  const listing = new RsyncProcess(command, { signal, silenceMs, ignore: OF_ONE_PATH });
  let refused = 0;
  for await (const line of listing.lines()) {
    const item = parseItemizedLine(line);
    if (item === undefined || item.type !== 'f' || !'<>.'.includes(item.update)) continue;
    const path = parseListedPath(dir.path, item);
    if (path === undefined) refused++;
    // rsync would set only the date of this file.
    else
      yield {
        path,
        info: { size: item.size, mtime: item.mtime },
        ...(by === 'bytes' && item.update === '.' ? { sameBytes: true } : {}),
      };
  }
  const exit = await listing.exited;
  const { ignored = 0 } = exit;
  refused += ignored;
  if (refused > 0)
    options.log.warn(
      `${String(refused)} names in ${dir.path} on this host or ${host.hostname} cannot be ` +
        `compared: they are not valid UTF-8, or too long, or a directory here is a file there.`,
    );
  const failure = findHostFailure(exit, host);
  if (failure !== undefined) throwFailure(failure);
  // 24: a file vanished before rsync came to it. 23: some files could not be listed, and rsync
  // named each.
  const isOfPaths = exit.code === 23 && ignored > 0 && !/^(?!rsync error: )./m.test(exit.stderr);
  if (exit.code !== 0 && exit.code !== 24 && !isOfPaths) {
    throwFailure({
      code: 'TRANSFER_FAILED',
      message:
        `Comparing ${dir.path} with ${host.hostname} was incomplete: ` +
        `${summariseStderr(exit.stderr)}`,
      retryable: true,
      scope: 'host',
    });
  }
}

function parseListedPath(dir: Path, { name }: ItemizedLine): Path | undefined {
  const path = name === undefined ? '' : `${dir}/${name}`;
  return isSafePath(path) ? path : undefined;
}

/** Whatever is in the way counts as absent here. Placing a file at the path will report it. */
async function observeLocalFile(
  { replica }: BackendOptions,
  path: Path,
): Promise<LocalFileInfo | undefined> {
  try {
    return await replica.observe(path);
  } catch (error) {
    if (hasErrorCode(error, 'NOT_A_FILE') || hasErrorCode(error, 'SYMLINK_IN_PATH'))
      return undefined;
    throw error;
  }
}

function pickSizeAndTime({ size, mtime }: LocalFileInfo): FileInfo {
  return { size, mtime };
}
