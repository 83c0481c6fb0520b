import { runAsAuthor } from '../../capture/author.js';
import type { HistoryRestore, HistoryVersion } from '../../api/history.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { HostContext } from '../../context/host-context.js';
import type { ThisHost } from '../../context/this-host.js';
import { chooseHolders } from '../../decisions/choose-holders.js';
import {
  findByRevision,
  parseVersionReference,
  requireTime,
} from '../../decisions/find-version.js';
import { wantsPath } from '../../decisions/wants.js';
import { getErrorMessage, SyncMediaError } from '../../model/errors.js';
import type { LocalFileInfo } from '../../model/file.js';
import type { RecordedVersion } from '../../model/history.js';
import type { Path } from '../../model/path.js';
import type { SyncDirLocation } from '../../replica/areas.js';
import { makeParentDirs } from '../../replica/parents.js';
import { placeVersion } from '../../replica/place-version.js';
import { quotePath } from '../../replica/paths.js';
import { findCopyOf } from '../../replica/recoverable.js';
import { TmpFolders } from '../../replica/tmp-folders.js';
import { createReplacedFileResolver } from '../../replication/resolve-replaced.js';
import { openReplicaDir } from '../../serving/receive-file.js';
import type { Backend } from '../../transport/backend.js';
import type { History } from '../../transport/history.js';
import { parseFileMode } from '../../transport/rsync/small-files/put.js';
import type { RunActions } from './runs.js';

const defaultLimit = 100;

/** Makes the actions by which a person looks at earlier versions and restores them. */
export function createHistoryActions(
  thisHost: ThisHost,
  getBackend: (hostContext: HostContext) => Backend,
  runs: Pick<RunActions, 'requestRestoreToTime'>,
  capture: (paths: readonly Path[]) => Promise<void>,
): Pick<SyncMedia, 'history' | 'withAuthor'> {
  async function open(): Promise<{ hostContext: HostContext; history: History }> {
    const hostContext = await thisHost.openContext();
    const { history } = getBackend(hostContext);
    if (history) return { hostContext, history };
    throw new SyncMediaError(
      'NO_HISTORY',
      `the backend ${hostContext.config.backend} keeps no history: set SYNCMEDIA_BACKEND=git ` +
        `or git-annex, for the application and for this command`,
    );
  }

  async function find(
    given: string,
    at: string,
  ): Promise<{ hostContext: HostContext; history: History; version: HistoryVersion }> {
    const { hostContext, history } = await open();
    const path = thisHost.toPath(given);
    const reference = parseVersionReference(at);
    const found =
      'time' in reference
        ? (await history.findAt([path], reference.time, thisHost.ending)).get(path)
        : findByRevision(
            await history.findRevisions(path, reference.revision, thisHost.ending),
            reference.revision,
          );
    if (!found)
      throw new SyncMediaError(
        'NOT_RECORDED',
        `the history has no version of ${quotePath(path)} ` +
          `${'time' in reference ? 'at' : 'with the revision'} ${at}; ` +
          `\`syncmedia history\` lists those it has`,
      );
    return { hostContext, history, version: describeVersion(hostContext, history, found) };
  }

  return {
    withAuthor: (author, work) => runAsAuthor(author, work),
    history: {
      async list(given, limit = defaultLimit) {
        const { hostContext, history } = await open();
        const versions = await history.list(thisHost.toPath(given), limit, thisHost.ending);
        return versions.map((version) => describeVersion(hostContext, history, version));
      },
      async show(path, at) {
        return (await find(path, at)).version;
      },
      async read(path, at) {
        const { hostContext, history, version } = await find(path, at);
        if (version.as !== 'stored' && !version.elsewhere) throw makeNotStoredError(version);
        await bringBytes(hostContext, history, version, thisHost.ending);
        return history.read(version, thisHost.ending);
      },
      async restore(path, at, { dryRun = true, current, by } = {}) {
        const { hostContext, history, version } = await find(path, at);
        const plan = await planRestore(hostContext, version, dryRun);
        if (current !== undefined && (plan.restore.current?.sha256 ?? null) !== current)
          throw new SyncMediaError(
            'CHANGED',
            `${quotePath(version.path)} has other bytes than those that were shown: look at it ` +
              'again, then decide',
          );
        if (dryRun || plan.restore.isCurrent) return plan.restore;
        await placePlanned(hostContext, history, version, plan, thisHost.ending);
        // Size and date may be those of a superseded version, so only an assertion makes the file
        // a new version.
        const assert = (): Promise<void> => capture([version.path]);
        await (by === undefined ? assert() : runAsAuthor(by, assert));
        return plan.restore;
      },
      async restoreDir(dir, at, { dryRun = true, before, by = 'the app' } = {}) {
        const times = {
          restoresTo: requireTime(at),
          // A time to come would also name saves that nobody was shown.
          ...(before !== undefined && {
            restoresBefore: new Date(Math.min(requireTime(before).getTime(), Date.now())),
          }),
        };
        const { hostContext } = await open();
        return runs.requestRestoreToTime(hostContext, dir, times, { dryRun, by });
      },
      async bundle(since) {
        const { history } = await open();
        return history.bundle(since, thisHost.ending);
      },
      async forget(path) {
        const { hostContext, history } = await open();
        const forgotten = thisHost.toPath(path);
        const { log } = hostContext.config;
        // Before the leader forgets the names of its files. It is asked to, also if this fails.
        const copies = await history
          .listRemoteCopies?.(forgotten, thisHost.ending)
          .catch((error: unknown) => {
            log.warn(
              `which special remotes have ${quotePath(forgotten)} is not known: ` +
                getErrorMessage(error),
            );
            return [];
          });
        await hostContext.forgotten.add(forgotten);
        return copies ?? [];
      },
    },
  };
}

interface RestorePlan {
  readonly restore: HistoryRestore;
  readonly location: SyncDirLocation;
  /** A copy in the trash or the conflicts of this host, if the history has no bytes. */
  readonly copy: string | undefined;
  /** The file that is there now, and the version that the ledger has of it. */
  readonly found: LocalFileInfo | undefined;
  readonly current: string | undefined;
}

async function planRestore(
  { dirs, replica, registry, me, ledger }: HostContext,
  version: HistoryVersion,
  dryRun: boolean,
): Promise<RestorePlan> {
  const { path, info, as } = version;
  const dir = dirs.current().findFor(path);
  if (!dir) throw new SyncMediaError('BAD_PATH', `${quotePath(path)} lies in no sync dir`);
  // It would stay on this host.
  if (dirs.current().isExcluded(path))
    throw new SyncMediaError(
      'BAD_PATH',
      `${quotePath(path)} is excluded from ${quotePath(dir.path)}`,
    );
  if (as === 'removed' || !info) throw makeNotStoredError(version);
  const location = await openReplicaDir(replica, dir);
  const copy = as === 'stored' ? undefined : await findCopyOf(location, path, info);
  const isElsewhere = version.elsewhere === true && copy === undefined;
  if (as === 'named' && copy === undefined && !isElsewhere) throw makeNotStoredError(version);
  const current = (await ledger.read(path))?.version;
  const here = await replica.hash(path);
  const others = registry.recipients().filter((host) => host.id !== me && wantsPath(host, path));
  return {
    location,
    copy,
    found: here,
    current,
    restore: {
      path,
      version,
      dryRun,
      from: isElsewhere ? 'another host' : copy === undefined ? 'history' : 'trash',
      ...(here && {
        current: { size: here.size, mtime: new Date(here.mtime * 1000), sha256: here.sha256 },
      }),
      isCurrent: here !== undefined && here.sha256 === info.sha256,
      hosts: [registry.me(), ...others].map(({ hostname }) => hostname),
    },
  };
}

/**
 * Places the bytes at the path by the code that places every file. The file that the plan found
 * there goes to the trash, even if the ledger does not know it: a person decided.
 */
async function placePlanned(
  hostContext: HostContext,
  history: History,
  version: HistoryVersion,
  { location, copy, found, current }: RestorePlan,
  signal: AbortSignal,
): Promise<void> {
  const { path, info } = version;
  const { ledger, registry, me, config } = hostContext;
  if (!info) return;
  if (copy === undefined) await bringBytes(hostContext, history, version, signal);
  const resolver = createReplacedFileResolver(ledger, registry)(me, () => ({
    version: '',
    ruled: true,
  }));
  await makeParentDirs(location, path);
  await placeVersion(
    location,
    {
      path,
      // The restored file is new: caches of visitors must notice it.
      info: { ...info, mtime: Math.floor(Date.now() / 1000) },
      source: copy ?? history.read(version, signal),
      found,
      hasNewVersion: async () => (await ledger.read(path))?.version !== current,
    },
    {
      fileMode: parseFileMode(config.chmod) ?? 0o644,
      tmpFolders: new TmpFolders(),
      resolver,
    },
  );
}

function makeNotStoredError({ path, as, revision }: RecordedVersion): SyncMediaError {
  return new SyncMediaError(
    'NOT_RECORDED',
    as === 'removed'
      ? `${quotePath(path)} was removed in ${revision.slice(0, 12)}: choose an earlier version`
      : `the history has only the name and the hash of this version of ${quotePath(path)}, and ` +
          'no copy is in the trash of this host: try it on another host',
  );
}

/** Fetches the bytes of a version that lie on another host only. */
async function bringBytes(
  { registry, me }: HostContext,
  history: History,
  version: HistoryVersion,
  signal: AbortSignal,
): Promise<void> {
  if (!version.elsewhere) return;
  await registry.refresh();
  const holders = chooseHolders(registry.find(me), registry.all(), version.host);
  await history.bring?.(version, holders, signal);
}

function describeVersion(
  { registry, me }: HostContext,
  history: History,
  version: RecordedVersion,
): HistoryVersion {
  const isElsewhere =
    version.as === 'named' &&
    history.bring !== undefined &&
    chooseHolders(registry.find(me), registry.all(), version.host).length > 0;
  return {
    ...version,
    hostname: registry.find(version.host)?.hostname ?? version.host,
    ...(isElsewhere && { elsewhere: true as const }),
  };
}
