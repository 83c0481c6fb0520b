import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Backend } from '../transport/backend.js';
import { SyncMediaError } from '../model/errors.js';
import type { Judge } from '../replica/disk.js';
import { dateOpen, flushOpen } from '../replica/descriptor.js';
import { asDiskError } from '../replica/disk-errors.js';
import { isBackAtPath } from '../replica/replaced.js';
import { land } from '../replica/place.js';
import { newName, prepareMissing, type Place } from '../replica/areas.js';
import { localDisk } from '../replica/node-disk.js';
import { quotePath } from '../replica/paths.js';
import type { Root } from '../replica/replica.js';
import type { TmpFolders } from '../replica/tmp-folders.js';
import { haveSameFacts } from '../decisions/file-state.js';
import type { Entry, Facts, Host, HostId, Path, SyncDir } from '../model/words.js';
import { Transfer } from './fetch-transfer.js';

/** A file that one host sends, while it is being written here. */
export interface Receiving {
  readonly transfer: Transfer;
  /**
   * Writes, checks and places the file. Without a function that resolves replaced files, the
   * bytes are only passed on to the transfer's readers. On failure, removes everything unfinished
   * and breaks off the readers.
   */
  finish(judge: Judge | undefined): Promise<Received>;
}

/** A file to be received. Without a sha256 only its length is checked. */
export interface Expected {
  readonly path: Path;
  readonly facts: Facts;
}

/**
 * `kept`: this host's own file is back at the path. `by`: the cause of the failure, the source or
 * this disk.
 */
export type Received =
  | { readonly sha256: string; readonly kept: boolean }
  | { readonly error: unknown; readonly by: 'source' | 'here' };

export interface Receiver {
  readonly backend: Backend;
  readonly root: Root;
  readonly me: HostId;
  readonly fileMode: number;
  readonly tmpFolders: TmpFolders;
}

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Opens this host's replica of a sync dir to receive files.
 *
 * @throws NO_MARKER; errors of the disk
 */
export async function openPlace(root: Root, dir: SyncDir): Promise<Place> {
  const place = { disk: localDisk, dirPath: await root.realDir(dir), dir: dir.path };
  await root.requireOpenable(dir);
  await prepareMissing(place);
  return place;
}

/**
 * Opens an entry's file on a host that holds it. Checks its size and mtime before anything is
 * written.
 *
 * @throws TRANSFER_FAILED if that host has other bytes at the path; errors of the backend
 */
export async function openSource(
  { backend }: Pick<Receiver, 'backend'>,
  from: Host,
  entry: Entry & { facts: Facts },
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { facts, body } = await backend.read(from, entry.path, signal);
  if (haveSameFacts(facts, { ...entry.facts, mtime: entry.facts.mtime >>> 0 })) return body;
  throw new SyncMediaError(
    'TRANSFER_FAILED',
    `${quotePath(entry.path)} is another version on host ${from.hostname}.`,
  );
}

/** Begins to write the content from a source to this host's tmp area. */
export async function receive(
  { fileMode, tmpFolders }: Receiver,
  place: Place,
  { path, facts }: Expected,
  body: AsyncIterable<Uint8Array>,
): Promise<Receiving> {
  const tmpFile = `${place.dirPath}/${await tmpFolders.find(place, path)}/${newName()}`;
  const handle = await open(tmpFile, FLAGS, 0o600).catch((error: unknown) => {
    throw asDiskError(error, 'writing', tmpFile);
  });
  const transfer = new Transfer(handle, facts);

  let by: 'source' | 'here' = 'source';

  async function write(): Promise<string> {
    const { size, sha256: expected } = facts;
    const hash = createHash('sha256');
    let written = 0;
    for await (const bytes of body) {
      by = 'here';
      // A nearly full disk may write only a part.
      for (let taken = 0; taken < bytes.length;)
        taken += (await handle.write(bytes, taken, bytes.length - taken, written + taken))
          .bytesWritten;
      by = 'source';
      hash.update(bytes);
      written += bytes.length;
      if (written > size) break;
      // The last byte is withheld until the check: a wrong response must break off, not end.
      transfer.reveal(Math.min(written, size - 1));
    }
    const sha256 = hash.digest('hex');
    if (written !== size || (expected !== undefined && expected !== sha256)) {
      throw new SyncMediaError(
        'TRANSFER_FAILED',
        `${quotePath(path)} arrived with ` +
          `${written === size ? 'other content' : 'another length'} than its version has.`,
      );
    }
    transfer.reveal(size);
    return sha256;
  }

  async function complete(): Promise<void> {
    const { size, mtime } = facts;
    by = 'here';
    await handle.chmod(fileMode);
    await dateOpen(handle, mtime);
    await flushOpen(handle);
    if ((await handle.stat()).size !== size)
      throw new SyncMediaError('TRANSFER_FAILED', `${quotePath(path)} was not written in full.`);
  }

  return {
    transfer,
    async finish(judge) {
      try {
        // The readers use the open handle. Without a name, nothing of the file remains after a
        // crash.
        if (!judge) await localDisk.remove(tmpFile);
        const sha256 = await write();
        if (!judge) return { sha256, kept: false };
        await complete();
        return { sha256, kept: isBackAtPath(await land(place, path, tmpFile, judge)) };
      } catch (thrown) {
        const error = by === 'here' ? asDiskError(thrown, 'writing', tmpFile) : thrown;
        transfer.fail(error instanceof Error ? error : new Error(String(error)));
        // If the file was placed, this name is gone, or is a second link to the same file.
        await localDisk.remove(tmpFile).catch(() => undefined);
        return { error, by };
      } finally {
        // The file is placed or discarded by now, so an error while closing changes nothing.
        await transfer.endWriting().catch(() => undefined);
      }
    },
  };
}
