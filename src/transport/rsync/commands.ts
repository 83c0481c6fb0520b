import type { SshTarget } from '../ssh/ssh-config.js';
import { makeExcludeArguments } from '../../replica/exclude.js';
import { areas } from '../../replica/areas.js';
import type { SyncDir } from '../../model/sync-dir.js';
import { OUT_FORMAT } from './itemized.js';
import { RsyncCommand } from './rsync-command.js';
import { isVersionAtLeast } from './version.js';

/**
 * Comes after all other rules of `--chmod`: no file gets a setuid, setgid or sticky bit, whatever
 * its source has.
 */
const NO_SPECIAL_BITS = 'a-st';

/** Shared by all commands to one host. */
export interface RsyncTarget {
  readonly target: SshTarget;
  readonly localVersion: string;
  readonly remoteVersion: string;
  /** rsync gives up after this long without data from the other side. */
  readonly timeoutMs: number;
  /** KiB/s. */
  readonly bandwidthLimit: number | undefined;
}

/**
 * The sync dir on both hosts, as absolute paths. The remote one is not escaped for the shell
 * here; rsync does that.
 */
export interface TransferEnds {
  readonly local: string;
  readonly remote: string;
  readonly direction: 'send' | 'fetch';
}

/**
 * Transfers the files of a list. Replaced files go to the replaced area. rsync follows, infers
 * and deletes nothing. `--ignore-times`: the list decides which files are sent, since rsync
 * overlooks a replacement of the same size within one second.
 *
 * @param options `tmp`: folder in which the files are written, relative to the sync dir;
 *   `partialDir`: absolute path on the receiver, from which an interrupted large file is resumed
 */
export function makeTransferCommand(
  rsyncTarget: RsyncTarget,
  ends: TransferEnds,
  options: { chmod: string; tmp: string; replacedFolder: string; partialDir?: string },
): RsyncCommand {
  const command = makeListCommand(rsyncTarget, ends)
    .set('perms')
    .set('chmod', `${options.chmod},${NO_SPECIAL_BITS}`)
    .set('ignore-times')
    .set('temp-dir', options.tmp)
    .set('backup')
    .set('backup-dir', `${areas.replaced}/${options.replacedFolder}`)
    .set('info', 'progress2');
  if (options.partialDir !== undefined) command.set('partial-dir', options.partialDir);
  if (rsyncTarget.bandwidthLimit !== undefined)
    command.set('bwlimit', String(rsyncTarget.bandwidthLimit));
  const flushes = [rsyncTarget.localVersion, rsyncTarget.remoteVersion].every((version) =>
    isVersionAtLeast(version, [3, 2, 4]),
  );
  return flushes ? command.set('fsync') : command;
}

/**
 * Tells for each file of a list whether the other side has the same content and time. Changes
 * nothing.
 */
export function makeVerifyCommand(rsyncTarget: RsyncTarget, ends: TransferEnds): RsyncCommand {
  return makeListCommand(rsyncTarget, ends)
    .set('dry-run')
    .set('checksum')
    .set('itemize-changes', [null, null]);
}

/**
 * Lists files that the receiver lacks or that differ there. Changes nothing. Covers only regular
 * files that the rules of the sync dir let through, and no nested sync dir.
 *
 * @param only `new`: only files that the receiver lacks
 */
export function makeCompareCommand(
  rsyncTarget: RsyncTarget,
  ends: TransferEnds,
  dir: SyncDir,
  inner: readonly string[],
  by: 'time' | 'bytes',
  only?: 'new',
): RsyncCommand {
  const command = setEnds(makeBaseCommand(rsyncTarget), rsyncTarget, ends)
    .set('recursive')
    .set('dry-run');
  // A file that is missing there needs no reading.
  if (only === 'new') command.set('ignore-existing');
  else if (by === 'bytes') command.set('checksum');
  for (const path of inner) command.exclude(`/${escapePattern(path)}/`);
  for (const argument of makeExcludeArguments(dir.exclude))
    command.exclude(argument.slice('--exclude='.length));
  return command;
}

/** Puts one file into a directory of the other host, as a test. */
export function makePutCommand(
  rsyncTarget: RsyncTarget,
  file: string,
  directory: string,
): RsyncCommand {
  const command = makeBaseCommand(rsyncTarget).source(file);
  return command.destination(`${rsyncTarget.target.alias}:${directory}/`);
}

function makeListCommand(rsyncTarget: RsyncTarget, ends: TransferEnds): RsyncCommand {
  return setEnds(makeBaseCommand(rsyncTarget), rsyncTarget, ends)
    .set('files-from', '-')
    .set('from0')
    .set('no-implied-dirs');
}

function makeBaseCommand({ target, timeoutMs, localVersion }: RsyncTarget): RsyncCommand {
  const ssh = ['ssh', '-F', target.configFile, '-S', target.controlPath].map(quoteForRsh).join(' ');
  const command = new RsyncCommand()
    .set('times')
    .set('no-links')
    .set('no-D')
    .set('rsh', ssh)
    .set('out-format', OUT_FORMAT)
    .set('timeout', String(Math.ceil(timeoutMs / 1000)));
  return needsProtection(localVersion) ? command.set('protect-args') : command;
}

/** Before 3.2.4 rsync does not escape the remote path for the shell there. */
function needsProtection(localVersion: string): boolean {
  return !isVersionAtLeast(localVersion, [3, 2, 4]);
}

function setEnds(
  command: RsyncCommand,
  { target, localVersion }: RsyncTarget,
  { local, remote, direction }: TransferEnds,
): RsyncCommand {
  const here = `${local}/`;
  const remotePath =
    direction === 'fetch' ? escapeGlob(remote, needsProtection(localVersion)) : remote;
  const there = `${target.alias}:${remotePath}/`;
  return direction === 'send'
    ? command.source(here).destination(there)
    : command.source(there).destination(here);
}

/** rsync splits `--rsh` at spaces; in single quotes only the quote itself needs to be doubled. */
function quoteForRsh(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}

/**
 * Escapes a source path on the other host, which is a wildcard pattern. From 3.2.4 on the shell
 * there expands it; rsync escapes everything except wildcards and a backslash before one. With
 * protected arguments rsync there expands it, and a backslash counts only if the path has a
 * wildcard.
 */
function escapeGlob(path: string, isProtected: boolean): string {
  if (!isProtected) return path.replace(/[*?[\]]/g, '\\$&');
  return escapePattern(path);
}

/**
 * In an exclude pattern without wildcards a backslash stands for itself, so it must not be
 * escaped.
 */
function escapePattern(path: string): string {
  return /[*?[]/.test(path) ? path.replace(/[*?[\\]/g, '\\$&') : path;
}
