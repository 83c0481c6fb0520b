import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Backend } from '../backends/backend.js';
import { SyncMediaError } from '../errors/errors.js';
import type { Judge } from '../root/disk.js';
import { dateOpen, flushOpen } from '../root/descriptor.js';
import { asDiskError } from '../root/disk-errors.js';
import { isBackAtPath, land, newName, prepareMissing, type Place } from '../root/landing.js';
import { localDisk } from '../root/local-disk.js';
import { quotePath } from '../root/paths.js';
import type { Root } from '../root/root.js';
import type { TmpFolders } from '../root/tmp-folders.js';
import { haveSameFacts } from '../planning/standing.js';
import type { Entry, Facts, Host, HostId, Path, SyncDir } from '../words.js';
import { Transfer } from './transfer.js';

/** What one host was asked for, while it is written. */
export interface Receiving {
  readonly transfer: Transfer;
  /**
   * Writes, checks and lands it; without a judge it is only passed on to the transfer's readers. Where that fails, everything unfinished is
   * removed and the transfer's readers are broken off.
   */
  finish(judge: Judge | undefined): Promise<Received>;
}

/** What is to come: without a sha256 only the length is checked. */
export interface Expected { readonly path: Path; readonly facts: Facts }

/** `kept`: this host's own lies there again. `by`: whose failure it is, the source's or this disk's. */
export type Received = { readonly sha256: string; readonly kept: boolean } | { readonly error: unknown; readonly by: 'source' | 'here' };

export interface Receiver { readonly backend: Backend; readonly root: Root; readonly me: HostId; readonly fileMode: number; readonly tmpFolders: TmpFolders }

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** This host's replica of a sync dir, ready to receive. @throws NO_MARKER; what the disk throws */
export async function openPlace(root: Root, dir: SyncDir): Promise<Place> {
  const place = { disk: localDisk, dirPath: await root.realDir(dir), dir: dir.path };
  await root.requireOpenable(dir);
  await prepareMissing(place);
  return place;
}

/**
 * Opens an entry's file at a host that holds it. Nothing is written before its size and date are those of the version.
 *
 * @throws TRANSFER_FAILED where that host has other bytes there; what the backend throws
 */
export async function openSource({ backend }: Pick<Receiver, 'backend'>, from: Host, entry: Entry & { facts: Facts }, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const { facts, body } = await backend.read(from, entry.path, signal);
  if (haveSameFacts(facts, { ...entry.facts, mtime: entry.facts.mtime >>> 0 })) return body;
  throw new SyncMediaError('TRANSFER_FAILED', `${quotePath(entry.path)} is another version on host ${from.hostname}.`);
}

/** Begins to write what comes from a source into this host's tmp area. */
export async function receive({ fileMode, tmpFolders }: Receiver, place: Place, { path, facts }: Expected, body: AsyncIterable<Uint8Array>): Promise<Receiving> {
  const tmpFile = `${place.dirPath}/${await tmpFolders.find(place, path)}/${newName()}`;
  const handle = await open(tmpFile, FLAGS, 0o600).catch((error: unknown) => { throw asDiskError(error, 'writing', tmpFile); });
  const transfer = new Transfer(handle, facts);

  let by: 'source' | 'here' = 'source';

  async function write(): Promise<string> {
    const { size, sha256: expected } = facts;
    const hash = createHash('sha256');
    let written = 0;
    for await (const bytes of body) {
      by = 'here';
      // A disk that is nearly full may take a part.
      for (let taken = 0; taken < bytes.length;) taken += (await handle.write(bytes, taken, bytes.length - taken, written + taken)).bytesWritten;
      by = 'source';
      hash.update(bytes);
      written += bytes.length;
      if (written > size) break;
      // The last byte waits for the check: a response that would be wrong is broken instead.
      transfer.reveal(Math.min(written, size - 1));
    }
    const sha256 = hash.digest('hex');
    if (written !== size || (expected !== undefined && expected !== sha256)) {
      throw new SyncMediaError('TRANSFER_FAILED', `${quotePath(path)} arrived with ${written === size ? 'other content' : 'another length'} than its version has.`);
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
    if ((await handle.stat()).size !== size) throw new SyncMediaError('TRANSFER_FAILED', `${quotePath(path)} was not written in full.`);
  }

  return {
    transfer,
    async finish(judge) {
      try {
        // Its readers have it open: without its name nothing is left of it whatever happens.
        if (!judge) await localDisk.remove(tmpFile);
        const sha256 = await write();
        if (!judge) return { sha256, kept: false };
        await complete();
        return { sha256, kept: isBackAtPath(await land(place, path, tmpFile, judge)) };
      } catch (thrown) {
        const error = by === 'here' ? asDiskError(thrown, 'writing', tmpFile) : thrown;
        transfer.fail(error instanceof Error ? error : new Error(String(error)));
        // Where it landed this name is gone, or is a second one of the same file.
        await localDisk.remove(tmpFile).catch(() => undefined);
        return { error, by };
      } finally {
        // It has landed, or it belongs to nobody: what closing says changes nothing.
        await transfer.endWriting().catch(() => undefined);
      }
    },
  };
}
