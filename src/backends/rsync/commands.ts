import type { SshTarget } from '../../ssh/ssh-config.js';
import { excludeArguments } from '../../root/exclude.js';
import { areas } from '../../root/landing.js';
import type { SyncDir } from '../../words.js';
import { OUT_FORMAT } from './itemized.js';
import { RsyncCommand } from './rsync-command.js';
import { isAtLeast } from './version.js';

/** After all other rules of `--chmod`: nothing gets a setuid, setgid or sticky bit, whatever it has where it comes from. */
const NO_SPECIAL_BITS = 'a-st';

/** What all commands to one host have in common. */
export interface Way {
  readonly target: SshTarget;
  readonly localVersion: string;
  readonly remoteVersion: string;
  /** Without data from the other side for this long rsync gives up. */
  readonly timeoutMs: number;
  /** KiB/s. */
  readonly bandwidthLimit: number | undefined;
}

/** Both as absolute paths of the sync dir; where it lies on the other host is not shell-escaped here, rsync does that. */
export interface Ends { readonly local: string; readonly remote: string; readonly direction: 'send' | 'fetch' }

/**
 * Transfers the files of a list. What is replaced goes aside; nothing is followed, inferred or deleted. `--ignore-times`: the list
 * says what is to be sent, and a same-size replacement within one second looks like nothing to rsync.
 *
 * @param options `tmp`: relative to the sync dir, what the files are written in there; `partialDir`: absolute, on the receiver: a large file goes on from there after an interruption
 */
export function transferCommand(way: Way, ends: Ends, options: { chmod: string; tmp: string; aside: string; partialDir?: string }): RsyncCommand {
  const command = listedCommand(way, ends).set('perms').set('chmod', `${options.chmod},${NO_SPECIAL_BITS}`).set('ignore-times')
    .set('temp-dir', options.tmp).set('backup').set('backup-dir', `${areas.aside}/${options.aside}`).set('info', 'progress2');
  if (options.partialDir !== undefined) command.set('partial-dir', options.partialDir);
  if (way.bandwidthLimit !== undefined) command.set('bwlimit', String(way.bandwidthLimit));
  const flushes = [way.localVersion, way.remoteVersion].every((version) => isAtLeast(version, [3, 2, 4]));
  return flushes ? command.set('fsync') : command;
}

/** Says of each file of a list whether the other side has the same content and time; changes nothing. */
export function verifyCommand(way: Way, ends: Ends): RsyncCommand {
  return listedCommand(way, ends).set('dry-run').set('checksum').set('itemize-changes', [null, null]);
}

/**
 * Lists what the receiver lacks or has otherwise, changing nothing. Only regular files, by the rules of the sync dir, and none of a
 * sync dir that lies in it.
 *
 * @param only `new`: just what the receiver does not have
 */
export function compareCommand(way: Way, ends: Ends, dir: SyncDir, inner: readonly string[], by: 'time' | 'bytes', only?: 'new'): RsyncCommand {
  const command = between(baseCommand(way), way, ends).set('recursive').set('dry-run');
  // What is not there at all needs no reading.
  if (only === 'new') command.set('ignore-existing');
  else if (by === 'bytes') command.set('checksum');
  for (const path of inner) command.exclude(`/${escapePattern(path)}/`);
  for (const argument of excludeArguments(dir.exclude)) command.exclude(argument.slice('--exclude='.length));
  return command;
}

/** Puts one file into a directory there, for a try. */
export function putCommand(way: Way, file: string, directory: string): RsyncCommand {
  const command = baseCommand(way).source(file);
  return command.destination(`${way.target.alias}:${directory}/`);
}

function listedCommand(way: Way, ends: Ends): RsyncCommand {
  return between(baseCommand(way), way, ends).set('files-from', '-').set('from0').set('no-implied-dirs');
}

function baseCommand({ target, timeoutMs, localVersion }: Way): RsyncCommand {
  const ssh = ['ssh', '-F', target.configFile, '-S', target.controlPath].map(quoteForRsh).join(' ');
  const command = new RsyncCommand().set('times').set('no-links').set('no-D').set('rsh', ssh)
    .set('out-format', OUT_FORMAT).set('timeout', String(Math.ceil(timeoutMs / 1000)));
  return needsProtection(localVersion) ? command.set('protect-args') : command;
}

/** Before 3.2.4 rsync does not escape the remote path for the shell there. */
function needsProtection(localVersion: string): boolean {
  return !isAtLeast(localVersion, [3, 2, 4]);
}

function between(command: RsyncCommand, { target, localVersion }: Way, { local, remote, direction }: Ends): RsyncCommand {
  const here = `${local}/`;
  const there = `${target.alias}:${direction === 'fetch' ? escapeGlob(remote, needsProtection(localVersion)) : remote}/`;
  return direction === 'send' ? command.source(here).destination(there) : command.source(there).destination(here);
}

/** rsync splits `--rsh` at spaces; in single quotes only the quote itself needs to be doubled. */
function quoteForRsh(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}

/**
 * A source on the other side is a wildcard pattern. From 3.2.4 on the shell there expands it, and rsync escapes all but wildcards and the
 * backslash before one; with protected arguments rsync there does, for which a backslash counts only where a wildcard is.
 */
function escapeGlob(path: string, isProtected: boolean): string {
  if (!isProtected) return path.replace(/[*?[\]]/g, '\\$&');
  return escapePattern(path);
}

/** In an exclude pattern a backslash is one only where no wildcard is. */
function escapePattern(path: string): string {
  return /[*?[]/.test(path) ? path.replace(/[*?[\\]/g, '\\$&') : path;
}
