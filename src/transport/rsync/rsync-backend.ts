import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrorCode, SyncMediaError } from '../../model/errors.js';
import { DirCheckCache } from '../../replica/dir-check-cache.js';
import { TmpFolders } from '../../replica/tmp-folders.js';
import { resolveLeftovers } from '../../replica/replaced.js';
import { prepareAreas } from '../../replica/areas.js';
import { checkMarker } from '../../replica/marker.js';
import { quotePath } from '../../replica/paths.js';
import type { SshConnection } from '../ssh/connection.js';
import { takesConnection } from '../ssh/reach.js';
import type { Change, DeliveryOutcome } from '../../model/change.js';
import type { Failure } from '../../model/failure.js';
import type { Host } from '../../model/host.js';
import type { SyncDir } from '../../model/sync-dir.js';
import type { Backend } from '../backend.js';
import { toFailure, makeCancelledFailure, makeFailedOutcome, throwFailure } from '../to-failure.js';
import type { BackendOptions, RsyncBackendContext } from '../options.js';
import { openTransferRoute, locateRemoteDir, type TransferRoute } from '../transfer-route.js';
import { fetchRemoteCopy } from './small-files/fetch-copy.js';
import { openRemoteFile } from './small-files/read.js';
import { SourceReader } from './small-files/sources.js';
import type { RsyncTarget } from './commands.js';
import { compareEnds } from './compare.js';
import { deliverChanges } from './deliver.js';
import { findRemoteRsyncVersion, findRsyncVersion } from './version.js';

/** A younger file in the replaced area may still be in use by the process that put it there. */
const LEFT_OVER_AFTER_MS = 15 * 60_000;
/** How long `close` waits for a consumer that does not read its outcomes. */
const CLOSE_PATIENCE_MS = 10_000;
/** A host that is away may answer nothing at all. */
const CONNECTION_PATIENCE_MS = 3_000;

/**
 * The backend for hosts with sshd and rsync. It sends small files by SFTP and others by rsync,
 * both over ssh with pinned host keys. The caller closes it; that closes `options.ssh` too.
 */
export function createRsyncBackend(options: BackendOptions): Backend {
  const { ssh, dirs, timeoutMs, bandwidthLimit } = options;
  const shared: RsyncBackendContext = {
    ...options,
    dirChecks: new DirCheckCache(),
    tmpFolders: new TmpFolders(),
    sources: new SourceReader(options.replica),
  };
  const ending = new AbortController();
  // Each delivery under way adds a listener, one for every host.
  setMaxListeners(0, ending.signal);
  const running = new Set<Promise<void>>();
  /**
   * The rsync versions, asked once for each connection, since programs may be upgraded while we
   * run.
   */
  const versions = new WeakMap<SshConnection, Promise<[local: string, remote: string]>>();

  async function findRsyncTarget(connection: SshConnection, host: Host): Promise<RsyncTarget> {
    let both = versions.get(connection);
    if (both === undefined) {
      both = Promise.all([findRsyncVersion(), findRemoteRsyncVersion(connection, host)]);
      versions.set(connection, both);
      both.catch(() => versions.delete(connection));
    }
    const [target, [localVersion, remoteVersion]] = await Promise.all([ssh.target(host), both]);
    return { target, localVersion, remoteVersion, timeoutMs, bandwidthLimit };
  }

  /** Holds a connection while the generator runs, and lets `close` wait for it. */
  async function* withConnection<T>(
    host: Host,
    signal: AbortSignal,
    work: (connection: SshConnection, signal: AbortSignal) => AsyncGenerator<T>,
  ): AsyncGenerator<T> {
    const both = new AbortController();
    const abort = (): void => {
      both.abort();
    };
    const signals = [signal, ending.signal];
    for (const one of signals) one.addEventListener('abort', abort, { once: true });
    if (signals.some(({ aborted }) => aborted)) abort();
    let end = (): void => undefined;
    const run = new Promise<void>((resolve) => {
      end = resolve;
    });
    running.add(run);
    try {
      const { connection, release } = await ssh.connections.acquire(host);
      try {
        yield* work(connection, both.signal);
      } catch (error) {
        connection.retire();
        throw error;
      } finally {
        release();
      }
    } finally {
      for (const one of signals) one.removeEventListener('abort', abort);
      end();
      running.delete(run);
    }
  }

  async function* prepareDirs(
    connection: SshConnection,
    host: Host,
    wanted: readonly SyncDir[],
  ): AsyncGenerator<Failure> {
    await findRsyncTarget(connection, host);
    for (const dir of wanted) {
      const location = locateRemoteDir(connection, host, dir);
      const failure = await checkMarker(location.disk, location.dirPath, host.id, dir.path);
      if (failure !== undefined) {
        connection.retire();
        yield failure;
        return;
      }
      await prepareAreas(location);
      // An active host resolves its own leftovers. For a passive one its sender does.
      if (host.passive)
        await resolveLeftovers(
          location,
          options.createResolver(host.id, () => undefined),
          LEFT_OVER_AFTER_MS,
        );
    }
  }

  async function* transferChanges(
    host: Host,
    changes: readonly Change[],
    direction: TransferRoute['direction'],
    signal: AbortSignal,
  ): AsyncGenerator<DeliveryOutcome> {
    const unanswered = new Set(changes);
    if (unanswered.size === 0) return;
    try {
      const outcomes = withConnection(host, signal, (connection, both) =>
        retireAfterFailures(
          connection,
          deliverChanges(
            {
              options: shared,
              connection,
              findRsyncTarget: () => findRsyncTarget(connection, host),
              host,
              direction,
              signal: both,
            },
            changes,
          ),
        ),
      );
      for await (const outcome of outcomes) {
        unanswered.delete(outcome.change);
        yield outcome;
      }
    } catch (error) {
      for (const change of unanswered)
        yield makeFailedOutcome(change, 'rsync', toFailure(error, 'host'));
    }
  }

  return {
    async prepare(host, wanted, signal): Promise<Failure | undefined> {
      try {
        if (signal.aborted) return makeCancelledFailure();
        for await (const failure of withConnection(host, signal, (connection) =>
          prepareDirs(connection, host, wanted),
        ))
          return failure;
        return undefined;
      } catch (error) {
        return toFailure(error, 'host');
      }
    },

    takesConnection: (host, signal) =>
      takesConnection(host, Math.min(timeoutMs, CONNECTION_PATIENCE_MS), signal),

    send: (to, changes, signal) => transferChanges(to, changes, 'send', signal),

    fetch: (from, changes, signal) => transferChanges(from, changes, 'fetch', signal),

    compare: (host, dir, by, signal, from = 'both') =>
      withConnection(host, signal, async function* (connection, both) {
        const route = await openTransferRoute(shared, connection, host, dir, 'fetch', []);
        yield* compareEnds(options, await findRsyncTarget(connection, host), route, by, from, both);
      }),

    async read(from, path, signal) {
      const dir = dirs().findFor(path);
      if (dir === undefined)
        throw new SyncMediaError('BAD_PATH', `${quotePath(path)} lies in no sync dir.`);
      if (signal.aborted) throwFailure(makeCancelledFailure());
      const { connection, release } = await ssh.connections.acquire(from);
      const location = locateRemoteDir(connection, from, dir);
      try {
        return await openRemoteFile(connection.sftp, location, path, signal, release).catch(
          async (error: unknown) => {
            // In a sync dir that is not mounted, absence means nothing.
            const failure = hasErrorCode(error, 'NOT_A_FILE')
              ? await checkMarker(location.disk, location.dirPath, from.id, dir.path)
              : undefined;
            if (failure) throwFailure(failure);
            throw error;
          },
        );
      } catch (error) {
        release();
        throw error;
      }
    },

    async fetchCopy(from, wanted, into, signal) {
      const dir = dirs().findFor(wanted.path);
      if (dir === undefined) return false;
      const { connection, release } = await ssh.connections.acquire(from);
      try {
        const location = locateRemoteDir(connection, from, dir);
        const failure = await checkMarker(location.disk, location.dirPath, from.id, dir.path);
        if (failure !== undefined) throwFailure(failure);
        return await fetchRemoteCopy(connection.sftp, location, wanted, into, signal);
      } finally {
        release();
      }
    },

    async close(): Promise<void> {
      ending.abort();
      await ssh.close();
      await Promise.race([
        Promise.allSettled(running),
        sleep(CLOSE_PATIENCE_MS, undefined, { ref: false }),
      ]);
      // A delivery that was still running may have opened another master.
      await ssh.close();
    },
  };
}

/**
 * Retires the connection after a failure that a new one may not meet, so that the next try opens
 * one. A connection that the gate confines reaches neither file systems that were mounted after its
 * start, nor directories that were replaced since, as by a backup that is restored: it is refused
 * at each path there.
 */
async function* retireAfterFailures(
  connection: SshConnection,
  outcomes: AsyncGenerator<DeliveryOutcome>,
): AsyncGenerator<DeliveryOutcome> {
  for await (const outcome of outcomes) {
    if ('failure' in outcome) {
      const { scope, code } = outcome.failure;
      if (scope === 'host' && code !== 'CANCELLED') connection.retire();
      if (scope === 'path' && code === 'PERMISSION_DENIED') connection.retireUnlessRecent();
    }
    yield outcome;
  }
}
