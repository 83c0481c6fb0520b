import { hasCode } from '../../model/errors.js';
import { isSafePath } from '../../replica/paths.js';
import type { Difference, Facts, Path, Seen } from '../../model/words.js';
import { throwFailure } from '../failure.js';
import type { RsyncBackendOptions } from '../options.js';
import { sameFacts, type Route } from '../transfer-route.js';
import { findHostFailure, summarise } from './answers.js';
import { compareCommand, type Way } from './commands.js';
import { parseItem, type Item } from './itemized.js';
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
const PATIENCE = 60;

/**
 * Lists the differences of both ends with two rsync listings that change nothing: first files
 * that this host lacks or that differ, then files that the other host lacks. Both listings
 * stream, so memory does not grow with the number of files.
 *
 * @param from `other`: only the first listing
 * @throws the failure of the host or of rsync, after the differences found until then
 */
export async function* compareEnds(
  options: RsyncBackendOptions,
  way: Way,
  route: Route,
  by: 'time' | 'bytes',
  from: 'both' | 'other',
  signal: AbortSignal,
): AsyncGenerator<Difference> {
  for await (const { path, facts, sameBytes } of list(options, way, route, by, 'fetch', signal)) {
    const here = await observeHere(options, path);
    if (here === undefined || by === 'bytes' || !sameFacts(here, facts))
      yield {
        path,
        there: facts,
        ...(here === undefined ? {} : { here: factsOf(here) }),
        ...(sameBytes && here !== undefined ? { sameBytes } : {}),
      };
  }
  if (from === 'other') return;
  for await (const { path } of list(options, way, route, by, 'send', signal)) {
    const here = await observeHere(options, path);
    if (here !== undefined) yield { path, here: factsOf(here) };
  }
}

/**
 * Lists files that this host lacks or that differ (`fetch`), or that the other host lacks
 * (`send`).
 */
async function* list(
  options: RsyncBackendOptions,
  way: Way,
  route: Route,
  by: 'time' | 'bytes',
  direction: 'send' | 'fetch',
  signal: AbortSignal,
): AsyncGenerator<{ path: Path; facts: Facts; sameBytes?: true }> {
  const { dir, host } = route;
  const inner = options
    .dirs()
    .list.filter(({ path }) => path.startsWith(`${dir.path}/`))
    .map(({ path }) => path.slice(dir.path.length + 1));
  const ends = { local: route.here.dirPath, remote: route.there.dirPath, direction };
  const silenceMs = way.timeoutMs * PATIENCE;
  // While rsync reads whole files it sends nothing for as long.
  const timeoutMs = by === 'bytes' ? silenceMs : way.timeoutMs;
  const command = compareCommand(
    { ...way, timeoutMs },
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
    const item = parseItem(line);
    if (item === undefined || item.type !== 'f' || !'<>.'.includes(item.update)) continue;
    const path = pathOf(dir.path, item);
    if (path === undefined) refused++;
    // rsync would set only the date of this file.
    else
      yield {
        path,
        facts: { size: item.size, mtime: item.mtime },
        ...(by === 'bytes' && item.update === '.' ? { sameBytes: true } : {}),
      };
  }
  const ended = await listing.ended;
  const { ignored = 0 } = ended;
  refused += ignored;
  if (refused > 0)
    options.log.warn(
      `${String(refused)} names in ${dir.path} on this host or ${host.hostname} cannot be ` +
        `compared: they are not valid UTF-8, or too long, or a directory here is a file there.`,
    );
  const failure = findHostFailure(ended, host);
  if (failure !== undefined) throwFailure(failure);
  // 24: a file vanished before rsync came to it. 23: some files could not be listed, and rsync
  // named each.
  const isOfPaths = ended.code === 23 && ignored > 0 && !/^(?!rsync error: )./m.test(ended.stderr);
  if (ended.code !== 0 && ended.code !== 24 && !isOfPaths) {
    throwFailure({
      code: 'TRANSFER_FAILED',
      message:
        `Comparing ${dir.path} with ${host.hostname} was incomplete: ` +
        `${summarise(ended.stderr)}`,
      retryable: true,
      of: 'host',
    });
  }
}

function pathOf(dir: Path, { name }: Item): Path | undefined {
  const path = name === undefined ? '' : `${dir}/${name}`;
  return isSafePath(path) ? path : undefined;
}

/** Whatever is in the way counts as absent here. Placing a file at the path will report it. */
async function observeHere({ root }: RsyncBackendOptions, path: Path): Promise<Seen | undefined> {
  try {
    return await root.observe(path);
  } catch (error) {
    if (hasCode(error, 'NOT_A_FILE') || hasCode(error, 'SYMLINK_IN_PATH')) return undefined;
    throw error;
  }
}

function factsOf({ size, mtime }: Seen): Facts {
  return { size, mtime };
}
