import { makeParentDirs } from '../replica/parents.js';
import { refuseCaseClash } from '../replica/names.js';
import { makeNotAFileError } from '../replica/node-disk.js';
import { applyConflictRule } from '../decisions/conflict-rule.js';
import { haveSameSizeAndTime } from '../decisions/file-state.js';
import type { DeliveryOutcome } from '../model/change.js';
import type { LocalFileInfo } from '../model/file.js';
import { toFailure, makeFailedOutcome } from './to-failure.js';
import type { PutChange, TransferRoute } from './transfer-route.js';

/**
 * A change that is ready to be transferred: its source is unchanged, and the other disk can take
 * it.
 */
export interface ReadyTransfer {
  readonly change: PutChange;
  /** Relative to the sync dir. */
  readonly rest: string;
  /** The source right before the transfer. */
  readonly info: LocalFileInfo;
  /** The folder in the receiver's tmp area in which the file is written. */
  readonly tmp: string;
}

/**
 * Checks both ends of one put, and makes missing parent directories.
 *
 * @param known directories that were looked at before, on either side
 */
export async function prepareTransfer(
  route: TransferRoute,
  change: PutChange,
  known: RealDirs,
): Promise<ReadyTransfer | DeliveryOutcome> {
  const { receiver } = route;
  const answer = { change, via: 'rsync', bytes: 0 } as const;
  try {
    const info = await route.observe(change.path, known.source);
    if (info === undefined) return { ...answer, result: 'vanished' };
    if (!haveSameSizeAndTime(info, change.info)) return { ...answer, result: 'changed' };
    await refuseCaseClash(receiver, change.path);
    await makeParentDirs(receiver, change.path, known.receiver);
    const rest = change.path.slice(receiver.dir.length + 1);
    const target = `${receiver.dirPath}/${rest}`;
    const there = await receiver.disk.stat(target);
    // rsync would replace a symlink or an empty directory without keeping it.
    if (there !== undefined && there.kind !== 'file') throw makeNotAFileError(target);
    if (there !== undefined && keepsExistingFile(change, there))
      return { ...answer, result: 'kept' };
    return { change, rest, info, tmp: await route.tmpFolders.find(receiver, change.path) };
  } catch (error) {
    return makeFailedOutcome(change, 'rsync', toFailure(error, 'path'));
  }
}

/**
 * Absolute paths of real directories: on the disk that sends the files, and on the one that
 * receives them.
 */
export interface RealDirs {
  readonly source: Set<string>;
  readonly receiver: Set<string>;
}

/**
 * Checks whether the source changed during the transfer. Undefined if it did not: then the bytes
 * that arrived are those of the version.
 */
export async function checkSourceUnchanged(
  route: TransferRoute,
  { change, info }: ReadyTransfer,
  known = new Set<string>(),
): Promise<DeliveryOutcome | undefined> {
  try {
    const after = await route.observe(change.path, known);
    const same =
      after !== undefined && haveSameSizeAndTime(after, info) && after.nanos === info.nanos;
    return same
      ? undefined
      : { change, via: 'rsync', bytes: 0, result: after === undefined ? 'vanished' : 'changed' };
  } catch (error) {
    const failure = toFailure(error, 'path');
    // Something else lies there now, so the bytes that were sent may not be the file's.
    return failure.scope === 'path'
      ? { change, via: 'rsync', bytes: 0, result: 'changed' }
      : makeFailedOutcome(change, 'rsync', failure);
  }
}

/**
 * Whether a conflict rule lets the other side keep its own file. On a tie the existing file wins.
 */
export function keepsExistingFile({ rule, info }: PutChange, there: LocalFileInfo): boolean {
  if (rule === undefined || haveSameSizeAndTime(info, there)) return false;
  return applyConflictRule(rule, info, there) !== 'incoming';
}
