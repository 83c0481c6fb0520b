import type { HostContext } from '../../context/host-context.js';
import { listDirsOf } from '../../decisions/run-host.js';
import { SyncMediaError } from '../../model/errors.js';
import type { Failure } from '../../model/failure.js';
import type { Host } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import type { SyncDirLocation } from '../../replica/areas.js';
import type { Disk } from '../../replica/disk.js';
import { checkMarker } from '../../replica/marker.js';
import { nodeDisk } from '../../replica/node-disk.js';
import { isSafePath, quotePath } from '../../replica/paths.js';
import type { LoginLimiter } from '../../transport/ssh/handshakes.js';
import { withTimeout } from '../../util/with-timeout.js';
import { useSsh } from './use-ssh.js';

/** In milliseconds. How long all work on another host's disk may take, the login included. */
const remoteMs = 20_000;
/** How long it may wait for its turn. The admin page gives up when both are over. */
const turnMs = 40_000;
/** Larger files are not hashed over the network while a person waits. */
const remoteHashLimit = 64 * 1024 * 1024;

/** The sync dirs of a host, on this machine's disk or over SFTP. */
export interface KeptPlace {
  readonly host: Host;
  readonly isRemote: boolean;
  readonly dirs: readonly Path[];
  /** Locates a sync dir; undefined if it is not mounted or not marked. */
  find(dir: Path): Promise<SyncDirLocation | undefined>;
  /** @throws BAD_SYNC_DIR; NO_MARKER */
  require(dir: string): Promise<SyncDirLocation>;
}

/**
 * Works with the disk of a host, by default this one.
 * @param logins each work on another host logs in by itself, and a list leads to many at once
 * @throws UNKNOWN_HOST, HOST_RETIRED, BAD_OPTION, the errors of the connection; TIMED_OUT
 */
export async function usePlace<T>(
  hostContext: HostContext,
  nameOrId: string | undefined,
  logins: LoginLimiter,
  work: (place: KeptPlace) => Promise<T>,
): Promise<T> {
  const { config, state, registry, me } = hostContext;
  if (nameOrId !== undefined) await hostContext.refresh();
  const host = nameOrId === undefined ? registry.me() : registry.get(nameOrId);
  if (host.id === me) return work(locateHere(hostContext, host));
  requireConnectable(host);
  const { hostname } = host;
  const patience = AbortSignal.timeout(turnMs);
  const useThere = (): Promise<T> =>
    useSsh(config, state, (ssh) =>
      withTimeout(
        ssh.connections.use(host, ({ disk }) => work(locateThere(hostContext, host, disk))),
        remoteMs,
        hostname,
      ),
    );
  return logins.run(() => {
    if (!patience.aborted) return useThere();
    throw new SyncMediaError('TIMED_OUT', `${hostname}: too many others ask for kept files now`);
  }, patience);
}

/** Nothing connects to an address that nobody approved. */
function requireConnectable({ hostname, id, status }: Host): void {
  if (status === 'retired')
    throw new SyncMediaError(
      'HOST_RETIRED',
      `the host ${hostname.replace(`#${id}`, '')} was unregistered`,
    );
  if (status === 'pending')
    throw new SyncMediaError(
      'BAD_OPTION',
      `${hostname} waits for approval, and nothing connects to it before: approve it first`,
    );
}

function locateHere({ dirs, replica }: HostContext, host: Host): KeptPlace {
  const locate = (dir: Path): SyncDirLocation => ({
    disk: nodeDisk,
    dirPath: replica.absolute(dir),
    dir,
  });
  return {
    host,
    isRemote: false,
    dirs: dirs.current().list.map(({ path }) => path),
    find: async (path) => {
      const dir = dirs.current().byPath(path);
      return dir && !(await replica.check(dir)) ? locate(dir.path) : undefined;
    },
    require: async (given) => {
      const dir = dirs.current().byPath(given);
      if (!dir)
        throw new SyncMediaError('BAD_SYNC_DIR', `${quotePath(given)} is no sync dir of this host`);
      await replica.requireOpenable(dir);
      return locate(dir.path);
    },
  };
}

function locateThere({ dirs }: HostContext, host: Host, disk: Disk): KeptPlace {
  const known = listDirsOf(host, dirs.listStored()).filter(isSafePath);
  const locate = (dir: Path): SyncDirLocation => ({
    disk,
    dirPath: `${host.rootPath.replace(/\/+$/, '')}/${dir}`,
    dir,
    hashLimit: remoteHashLimit,
  });
  const check = (dir: Path): Promise<Failure | undefined> =>
    checkMarker(disk, locate(dir).dirPath, host.id, dir);
  return {
    host,
    isRemote: true,
    dirs: known,
    find: async (dir) => ((await check(dir)) ? undefined : locate(dir)),
    require: async (given) => {
      const dir = known.find((path) => path === given);
      if (dir === undefined)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `${quotePath(given)} is no sync dir of ${host.hostname}`,
        );
      const failure = await check(dir);
      if (failure) throw new SyncMediaError(failure.code, failure.message);
      return locate(dir);
    },
  };
}
