import { statfs } from 'node:fs/promises';
import type { Judge } from '../replica/disk.js';
import { inPlace, prepareAreas, prepareMissing, type Place } from '../replica/areas.js';
import { localDisk, notAFile } from '../replica/node-disk.js';
import { belowDir, checkParents } from '../replica/parents.js';
import type { TmpFolders } from '../replica/tmp-folders.js';
import type { Connection } from './ssh/connection.js';
import type { Change, Facts, Host, Path, Seen, SyncDir } from '../model/words.js';
import { throwFailure } from './failure.js';
import type { Sent, Shared } from './options.js';

export type Put = Change & { readonly do: 'put' };

/** The two ends of a transfer: one sync dir on this host and on the other one. */
export interface Route {
  readonly direction: 'send' | 'fetch';
  readonly host: Host;
  readonly dir: SyncDir;
  readonly connection: Connection;
  /** The sync dir on this host's disk and on the other host's. */
  readonly here: Place;
  readonly there: Place;
  readonly receiver: Place;
  readonly judge: Judge;
  /** Checks that both ends have their markers and working folders. Nothing is placed before. */
  check(): Promise<void>;
  /** Chooses the folder of the receiver's tmp area in which a file is written. */
  readonly tmpFolders: TmpFolders;
  /** Makes working folders of the receiver that turned out to be missing. */
  repair(): Promise<void>;
  /**
   * Observes the file on the sending disk; undefined if nothing is there. Throws if something
   * else is in the way.
   *
   * @param known directories that were looked at before
   */
  observe(path: Path, known: Set<string>): Promise<Seen | undefined>;
  /** Free bytes on the receiving disk; undefined if the server does not tell. */
  freeBytes(): Promise<number | undefined>;
}

/**
 * Hashing a larger file over the network, only to resolve it, takes longer than keeping it costs.
 */
const REMOTE_HASH_LIMIT = 64 * 1024 * 1024;

/** Locates a sync dir on another host. */
export function remotePlace(connection: Connection, host: Host, dir: SyncDir): Place {
  return {
    disk: connection.disk,
    dirPath: `${host.rootPath.replace(/\/+$/, '')}/${dir.path}`,
    dir: dir.path,
    hashLimit: REMOTE_HASH_LIMIT,
  };
}

/**
 * Finds both ends and checks them before anything is created, because rsync would make an
 * unmounted directory anew. If the remote end was found valid on this connection before, it is
 * checked again in parallel with the transfer, once `check` is called.
 *
 * @throws NO_MARKER; what the disks throw
 */
export async function openRoute(
  shared: Pick<Shared, 'root' | 'self' | 'judgeAt' | 'markers' | 'areas' | 'tmpFolders'>,
  connection: Connection,
  host: Host,
  dir: SyncDir,
  direction: Route['direction'],
  changes: readonly Change[],
): Promise<Route> {
  const { root, self, judgeAt } = shared;
  const there = remotePlace(connection, host, dir);
  const isKnown = direction === 'send' && shared.markers.knows(there.disk, there.dirPath);
  // The source of a small file is checked together with that file.
  const here: Place = {
    disk: localDisk,
    dirPath: isKnown ? root.absolute(dir.path) : await root.realDir(dir),
    dir: dir.path,
  };
  const place = direction === 'send' ? there : here;
  let checking: Promise<void> | undefined;
  const check = (): Promise<void> => {
    checking ??= checkEnds(shared, host, { dir, there, receiver: place });
    checking.catch(() => {
      /* Awaited before a file is placed. */
    });
    return checking;
  };
  if (!isKnown) await check();
  const ignoresCase =
    direction === 'send'
      ? shared.markers.ignoresCase(there.disk, there.dirPath)
      : root.ignoresCase(dir);
  const receiver = ignoresCase ? { ...place, ignoresCase: true } : place;
  const sent = new Map(changes.map((change) => [change.path, sentBy(change)]));
  return {
    direction,
    host,
    dir,
    connection,
    here,
    there,
    receiver,
    check,
    tmpFolders: shared.tmpFolders,
    repair: () => {
      shared.tmpFolders.forget(receiver);
      return prepareMissing(receiver);
    },
    judge: judgeAt(direction === 'send' ? host.id : self, (path) => sent.get(path)),
    observe: (path, known) =>
      direction === 'send' ? root.observe(path) : observeThere(there, path, known),
    freeBytes: () =>
      direction === 'send' ? connection.sftp.freeBytes(there.dirPath) : freeBytesHere(here),
  };
}

function sentBy(change: Change): Sent {
  return {
    version: change.version,
    ruled: change.do === 'put' && change.rule !== undefined,
    overrules: change.do === 'put' && change.overrules === true,
  };
}

async function checkEnds(
  { root, markers, areas }: Pick<Shared, 'root' | 'markers' | 'areas'>,
  host: Host,
  { dir, there, receiver }: Pick<Route, 'dir' | 'there' | 'receiver'>,
): Promise<void> {
  // Search for the working folders meanwhile. They are made only beside a valid marker.
  const looking = areas.lacks(receiver);
  looking.catch(() => {
    /* Awaited below, if the markers are valid. */
  });
  const failures = await Promise.all([
    root.check(dir),
    markers.check(there.disk, there.dirPath, host.id, there.dir),
  ]);
  for (const failure of failures) if (failure !== undefined) throwFailure(failure);
  if (await looking) await prepareAreas(receiver);
}

/**
 * Compares size and mtime: a transfer carries whole seconds, and SFTP 32 bits of them. A hash
 * that only one side knows says nothing.
 */
export function sameFacts(one: Facts, other: Facts): boolean {
  return one.size === other.size && one.mtime >>> 0 === other.mtime >>> 0;
}

async function observeThere(
  place: Place,
  path: Path,
  known: Set<string>,
): Promise<Seen | undefined> {
  if (!(await checkParents(place, path, known))) return undefined;
  const target = inPlace(place, belowDir(place, path));
  const found = await place.disk.stat(target);
  if (found === undefined) return undefined;
  if (found.kind !== 'file') throw notAFile(target);
  return { size: found.size, mtime: found.mtime, nanos: found.nanos };
}

async function freeBytesHere({ dirPath }: Place): Promise<number | undefined> {
  const { bavail, bsize } = await statfs(dirPath).catch(() => ({ bavail: NaN, bsize: NaN }));
  const free = bavail * bsize;
  return Number.isFinite(free) ? free : undefined;
}
