import { statfs } from 'node:fs/promises';
import type { ReplacedFileResolver } from '../replica/disk.js';
import {
  resolveInDir,
  prepareAreas,
  prepareMissingAreas,
  type SyncDirLocation,
} from '../replica/areas.js';
import { nodeDisk, makeNotAFileError } from '../replica/node-disk.js';
import { getPathInDir, checkParentDirs } from '../replica/parents.js';
import type { TmpFolders } from '../replica/tmp-folders.js';
import type { SshConnection } from './ssh/connection.js';
import type { Change } from '../model/change.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { SyncDir } from '../model/sync-dir.js';
import { throwFailure } from './to-failure.js';
import type { IncomingVersion, RsyncBackendContext } from './options.js';

export type PutChange = Change & { readonly do: 'put' };

/** The two ends of a transfer: one sync dir on this host and on the other one. */
export interface TransferRoute {
  readonly direction: 'send' | 'fetch';
  readonly host: Host;
  readonly dir: SyncDir;
  readonly connection: SshConnection;
  /** The sync dir on this host's disk and on the other host's. */
  readonly here: SyncDirLocation;
  readonly there: SyncDirLocation;
  readonly receiver: SyncDirLocation;
  readonly resolver: ReplacedFileResolver;
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
  observe(path: Path, known: Set<string>): Promise<LocalFileInfo | undefined>;
  /** Free bytes on the receiving disk; undefined if the server does not tell. */
  freeBytes(): Promise<number | undefined>;
}

/**
 * Hashing a larger file over the network, only to resolve it, takes longer than keeping it costs.
 */
const REMOTE_HASH_LIMIT = 64 * 1024 * 1024;

/** Locates a sync dir on another host. */
export function locateRemoteDir(
  connection: SshConnection,
  host: Host,
  dir: SyncDir,
): SyncDirLocation {
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
export async function openTransferRoute(
  shared: Pick<
    RsyncBackendContext,
    'replica' | 'self' | 'createResolver' | 'dirChecks' | 'tmpFolders'
  >,
  connection: SshConnection,
  host: Host,
  dir: SyncDir,
  direction: TransferRoute['direction'],
  changes: readonly Change[],
): Promise<TransferRoute> {
  const { replica, self, createResolver } = shared;
  const there = locateRemoteDir(connection, host, dir);
  const isKnown = direction === 'send' && shared.dirChecks.hasMarker(there.disk, there.dirPath);
  // The source of a small file is checked together with that file.
  const here: SyncDirLocation = {
    disk: nodeDisk,
    dirPath: isKnown ? replica.absolute(dir.path) : await replica.resolveRealDir(dir),
    dir: dir.path,
  };
  const location = direction === 'send' ? there : here;
  let checking: Promise<void> | undefined;
  const check = (): Promise<void> => {
    checking ??= checkRouteEnds(shared, host, { dir, there, receiver: location });
    checking.catch(() => {
      /* Awaited before a file is placed. */
    });
    return checking;
  };
  if (!isKnown) await check();
  const ignoresCase =
    direction === 'send'
      ? shared.dirChecks.ignoresCase(there.disk, there.dirPath)
      : replica.ignoresCase(dir);
  const receiver = ignoresCase ? { ...location, ignoresCase: true } : location;
  const incoming = new Map(changes.map((change) => [change.path, toIncomingVersion(change)]));
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
      return prepareMissingAreas(receiver);
    },
    resolver: createResolver(direction === 'send' ? host.id : self, (path) => incoming.get(path)),
    observe: (path, known) =>
      direction === 'send' ? replica.observe(path) : observeRemoteFile(there, path, known),
    freeBytes: () =>
      direction === 'send' ? connection.sftp.freeBytes(there.dirPath) : readLocalFreeBytes(here),
  };
}

function toIncomingVersion(change: Change): IncomingVersion {
  return {
    version: change.version,
    ruled: change.do === 'put' && change.rule !== undefined,
    overrules: change.do === 'put' && change.overrules === true,
  };
}

async function checkRouteEnds(
  { replica, dirChecks }: Pick<RsyncBackendContext, 'replica' | 'dirChecks'>,
  host: Host,
  { dir, there, receiver }: Pick<TransferRoute, 'dir' | 'there' | 'receiver'>,
): Promise<void> {
  // Search for the working folders meanwhile. They are made only beside a valid marker.
  const looking = dirChecks.lacksAreas(receiver);
  looking.catch(() => {
    /* Awaited below, if the markers are valid. */
  });
  const failures = await Promise.all([
    replica.check(dir),
    dirChecks.checkMarker(there.disk, there.dirPath, host.id, there.dir),
  ]);
  for (const failure of failures) if (failure !== undefined) throwFailure(failure);
  if (await looking) await prepareAreas(receiver);
}

async function observeRemoteFile(
  location: SyncDirLocation,
  path: Path,
  known: Set<string>,
): Promise<LocalFileInfo | undefined> {
  if (!(await checkParentDirs(location, path, known))) return undefined;
  const target = resolveInDir(location, getPathInDir(location, path));
  const found = await location.disk.stat(target);
  if (found === undefined) return undefined;
  if (found.kind !== 'file') throw makeNotAFileError(target);
  return { size: found.size, mtime: found.mtime, nanos: found.nanos };
}

async function readLocalFreeBytes({ dirPath }: SyncDirLocation): Promise<number | undefined> {
  const { bavail, bsize } = await statfs(dirPath).catch(() => ({ bavail: NaN, bsize: NaN }));
  const free = bavail * bsize;
  return Number.isFinite(free) ? free : undefined;
}
