import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, SyncMediaError } from '../../model/errors.js';
import { CheckedMarkers } from '../../replica/checked-markers.js';
import { KnownAreas } from '../../replica/known-areas.js';
import { TmpFolders } from '../../replica/tmp-folders.js';
import { judgeLeftovers } from '../../replica/replaced.js';
import { prepareAreas } from '../../replica/areas.js';
import { checkMarker } from '../../replica/marker.js';
import { quotePath } from '../../replica/paths.js';
import type { Connection } from '../ssh/connection.js';
import type { Change, Failure, Host, Outcome, SyncDir } from '../../model/words.js';
import type { Backend } from '../backend.js';
import { asFailure, cancelled, failed, throwFailure } from '../failure.js';
import type { RsyncBackendOptions, Shared } from '../options.js';
import { openRoute, remotePlace, type Route } from '../transfer-route.js';
import { openRemoteFile } from './small-files/read.js';
import { Sources } from './small-files/sources.js';
import type { Way } from './commands.js';
import { compareEnds } from './compare.js';
import { deliver } from './deliver.js';
import { findRemoteVersion, findVersion } from './version.js';

/** A younger file in the replaced area may still be in use by the process that put it there. */
const LEFT_OVER_AFTER_MS = 15 * 60_000;
/** How long `close` waits for a consumer that does not read its outcomes. */
const CLOSE_PATIENCE_MS = 10_000;

/**
 * The backend for hosts with sshd and rsync. It sends small files by SFTP and others by rsync,
 * both over ssh with pinned host keys. The caller closes it; that closes `options.ssh` too.
 */
export function createRsyncBackend(options: RsyncBackendOptions): Backend {
  const { ssh, dirs, timeoutMs, bandwidthLimit } = options;
  const shared: Shared = {
    ...options,
    markers: new CheckedMarkers(),
    areas: new KnownAreas(),
    tmpFolders: new TmpFolders(),
    sources: new Sources(options.root),
  };
  const ending = new AbortController();
  // Each delivery under way adds a listener, one for every host.
  setMaxListeners(0, ending.signal);
  const running = new Set<Promise<void>>();
  /**
   * The rsync versions, asked once for each connection, since programs may be upgraded while we
   * run.
   */
  const versions = new WeakMap<Connection, Promise<[local: string, remote: string]>>();

  async function findWay(connection: Connection, host: Host): Promise<Way> {
    let both = versions.get(connection);
    if (both === undefined) {
      both = Promise.all([findVersion(), findRemoteVersion(connection, host)]);
      versions.set(connection, both);
      both.catch(() => versions.delete(connection));
    }
    const [target, [localVersion, remoteVersion]] = await Promise.all([ssh.target(host), both]);
    return { target, localVersion, remoteVersion, timeoutMs, bandwidthLimit };
  }

  /** Holds a connection while the generator runs, and lets `close` wait for it. */
  async function* connected<T>(
    host: Host,
    signal: AbortSignal,
    work: (connection: Connection, signal: AbortSignal) => AsyncGenerator<T>,
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
      const { connection, release } = await ssh.connections.take(host);
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
    connection: Connection,
    host: Host,
    wanted: readonly SyncDir[],
  ): AsyncGenerator<Failure> {
    await findWay(connection, host);
    for (const dir of wanted) {
      const place = remotePlace(connection, host, dir);
      const failure = await checkMarker(place.disk, place.dirPath, host.id, dir.path);
      if (failure !== undefined) {
        connection.retire();
        yield failure;
        return;
      }
      await prepareAreas(place);
      // An active host resolves its own leftovers. For a passive one its sender does.
      if (host.passive)
        await judgeLeftovers(
          place,
          options.judgeAt(host.id, () => undefined),
          LEFT_OVER_AFTER_MS,
        );
    }
  }

  async function* carryOut(
    host: Host,
    changes: readonly Change[],
    direction: Route['direction'],
    signal: AbortSignal,
  ): AsyncGenerator<Outcome> {
    const unanswered = new Set(changes);
    if (unanswered.size === 0) return;
    try {
      const outcomes = connected(host, signal, (connection, both) =>
        retiring(
          connection,
          deliver(
            {
              options: shared,
              connection,
              findWay: () => findWay(connection, host),
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
      for (const change of unanswered) yield failed(change, 'rsync', asFailure(error, 'host'));
    }
  }

  return {
    async prepare(host, wanted, signal): Promise<Failure | undefined> {
      try {
        if (signal.aborted) return cancelled();
        for await (const failure of connected(host, signal, (connection) =>
          prepareDirs(connection, host, wanted),
        ))
          return failure;
        return undefined;
      } catch (error) {
        return asFailure(error, 'host');
      }
    },

    send: (to, changes, signal) => carryOut(to, changes, 'send', signal),

    fetch: (from, changes, signal) => carryOut(from, changes, 'fetch', signal),

    compare: (host, dir, by, signal, from = 'both') =>
      connected(host, signal, async function* (connection, both) {
        const route = await openRoute(shared, connection, host, dir, 'fetch', []);
        yield* compareEnds(options, await findWay(connection, host), route, by, from, both);
      }),

    async read(from, path, signal) {
      const dir = dirs().of(path);
      if (dir === undefined)
        throw new SyncMediaError('BAD_PATH', `${quotePath(path)} lies in no sync dir.`);
      if (signal.aborted) throwFailure(cancelled());
      const { connection, release } = await ssh.connections.take(from);
      const place = remotePlace(connection, from, dir);
      try {
        return await openRemoteFile(connection.sftp, place, path, signal, release).catch(
          async (error: unknown) => {
            // In a sync dir that is not mounted, absence means nothing.
            const failure = hasCode(error, 'NOT_A_FILE')
              ? await checkMarker(place.disk, place.dirPath, from.id, dir.path)
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
 * Retires the connection after a failure of the host, so that the next try opens a new one. A
 * connection that the gate confines cannot reach file systems that were mounted after its start.
 */
async function* retiring(
  connection: Connection,
  outcomes: AsyncGenerator<Outcome>,
): AsyncGenerator<Outcome> {
  for await (const outcome of outcomes) {
    if (
      'failure' in outcome &&
      outcome.failure.of === 'host' &&
      outcome.failure.code !== 'CANCELLED'
    )
      connection.retire();
    yield outcome;
  }
}
