import { SyncMediaError } from '../../errors/errors.js';
import type { Judge } from '../../root/disk.js';
import { land, newName, type Judged, type Place } from '../../root/landing.js';
import { failWriting } from '../../ssh/remote-disk.js';
import { status, statusOf } from '../../ssh/sftp-errors.js';
import type { Sftp } from '../../ssh/sftp.js';
import type { Path } from '../../words.js';

/** What one request carries. OpenSSH takes up to 256 KiB; ssh2 makes several of one that is too much for another server. */
const CHUNK = 192 * 1024;
/** A mode without setuid, setgid and sticky. */
const PERMISSIONS = 0o777;

/** A whole file in memory, with the mtime (seconds) and mode it is to have there. */
export interface FileToPut { readonly bytes: Buffer; readonly mtime: number; readonly mode: number }

export interface Placing {
  readonly judge: Judge;
  /** Directories that were looked at before. */
  readonly known?: Set<string> | undefined;
  /** Where in the tmp area it is to be written, most likely. */
  readonly guess: string;
  /** That the place may take the file, and where in the tmp area it belongs: awaited before anything is placed. */
  readonly checked: Promise<string>;
  /** Makes working folders that are missing, and says which one the file belongs in. */
  readonly repair: () => Promise<string>;
}

/**
 * Puts one file by SFTP: written under a name of our own, flushed, its length checked; placed only after every one of these was
 * answered ok, because a rename sent behind the writes published truncated files on a full disk.
 *
 * @throws DISK_FULL, PERMISSION_DENIED, NO_SFTP; what `checked` and `land` throw
 */
export async function putFile(sftp: Sftp, place: Place, path: Path, file: FileToPut, { judge, known, guess, checked, repair }: Placing): Promise<Judged[]> {
  let unfinished = newFile(place, guess);
  checked.catch(() => { /* Awaited once the file is written. */ });
  try {
    const failed = await writeFinished(sftp, unfinished, file).then(() => undefined, (error: unknown) => ({ error }));
    let folder = await checked;
    if (failed) {
      if (!isFolderMissing(failed.error)) throw failed.error;
      folder = await repair();
    }
    if (failed || folder !== guess) {
      await place.disk.remove(unfinished);
      unfinished = newFile(place, folder);
      await writeFinished(sftp, unfinished, file);
    }
  } catch (error) {
    await place.disk.remove(unfinished).catch(() => undefined);
    throw error;
  }
  try {
    return await land(place, path, unfinished, judge, known);
  } catch (error) {
    // Where it landed this name is gone, or is a second one of the same file.
    await place.disk.remove(unfinished).catch(() => undefined);
    throw error;
  }
}

/** A name that is free, in a folder of the tmp area. */
function newFile({ dirPath }: Place, folder: string): string {
  return `${dirPath}/${folder}/${newName()}`;
}

function isFolderMissing(error: unknown): boolean {
  return error instanceof SyncMediaError && statusOf(error.cause) === status.NO_SUCH_FILE;
}

/** Writes a new file, flushed, its length checked. All requests are under way at once; the server carries them out in order. */
export async function writeFinished(sftp: Sftp, path: string, { bytes, mtime, mode }: FileToPut): Promise<void> {
  try {
    const handle = await sftp.open(path, 'wx', 0o600);
    const requests: Promise<unknown>[] = [];
    for (let at = 0; at < bytes.length; at += CHUNK) requests.push(sftp.write(handle, bytes.subarray(at, at + CHUNK), at));
    requests.push(sftp.setAttributes(handle, { mode, atime: mtime, mtime }), sftp.flush(handle));
    const length = sftp.fstat(handle);
    const answers = await Promise.allSettled([...requests, length, sftp.close(handle)]);
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    const { size } = await length;
    if (size !== bytes.length) throw new SyncMediaError('TRANSFER_FAILED', `Of ${String(bytes.length)} bytes only ${String(size)} were written there.`);
  } catch (error) {
    await failWriting(sftp, error, 'writing', path);
  }
}

/**
 * The mode that rsync's `--chmod` gives a file, without setuid, setgid and sticky, for what is put without rsync; undefined where it takes more than `F644`, `D755`
 * or a plain `644` to say it.
 */
export function fileModeOf(chmod: string): number | undefined {
  let mode: number | undefined;
  for (const rule of chmod.split(',')) {
    const [, what, octal = ''] = /^([DF]?)([0-7]{3,4})$/.exec(rule.trim()) ?? [];
    if (what === undefined) return undefined;
    if (what !== 'D') mode = parseInt(octal, 8) & PERMISSIONS;
  }
  return mode;
}
