import { runAsAuthor } from '../../capture/author.js';
import type { HistoryRestore, HistoryVersion } from '../../api/history.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { HostContext } from '../../context/host-context.js';
import type { ThisHost } from '../../context/this-host.js';
import { wantsPath } from '../../decisions/wants.js';
import { SyncMediaError } from '../../model/errors.js';
import type { RecordedVersion } from '../../model/history.js';
import type { Path } from '../../model/path.js';
import type { SyncDirLocation } from '../../replica/areas.js';
import { makeParentDirs } from '../../replica/parents.js';
import { placeFile } from '../../replica/place.js';
import { quotePath } from '../../replica/paths.js';
import { findRecoverableCopy } from '../../replica/recoverable.js';
import { TmpFolders } from '../../replica/tmp-folders.js';
import { createReplacedFileResolver } from '../../replication/resolve-replaced.js';
import { openReplicaDir, receiveFile } from '../../serving/receive-file.js';
import type { Backend } from '../../transport/backend.js';
import type { History } from '../../transport/history.js';
import { parseFileMode } from '../../transport/rsync/small-files/put.js';

const defaultLimit = 100;
/** How many versions a search for one of them reads. */
const searchLimit = 10_000;

/** Makes the actions by which a person looks at earlier versions and restores them. */
export function createHistoryActions(
  thisHost: ThisHost,
  getBackend: (hostContext: HostContext) => Backend,
  capture: (paths: readonly Path[]) => Promise<void>,
): Pick<SyncMedia, 'history' | 'withAuthor'> {
  async function open(): Promise<{ hostContext: HostContext; history: History }> {
    const hostContext = await thisHost.openContext();
    const { history } = getBackend(hostContext);
    if (history) return { hostContext, history };
    throw new SyncMediaError(
      'NO_HISTORY',
      `the backend ${hostContext.config.backend} keeps no history: set SYNCMEDIA_BACKEND=git, ` +
        `for the application and for this command`,
    );
  }

  async function find(
    given: string,
    at: string,
  ): Promise<{ hostContext: HostContext; history: History; version: HistoryVersion }> {
    const { hostContext, history } = await open();
    const path = thisHost.toPath(given);
    const versions = await history.list(path, searchLimit, thisHost.ending);
    const found = findVersion(versions, at);
    if (!found)
      throw new SyncMediaError(
        'NOT_RECORDED',
        `the history has no version of ${quotePath(path)} ${describeAt(at)}; ` +
          `\`syncmedia history\` lists those it has`,
      );
    return { hostContext, history, version: addHostname(hostContext, found) };
  }

  return {
    withAuthor: (author, work) => runAsAuthor(author, work),
    history: {
      async list(given, limit = defaultLimit) {
        const { hostContext, history } = await open();
        const versions = await history.list(thisHost.toPath(given), limit, thisHost.ending);
        return versions.map((version) => addHostname(hostContext, version));
      },
      async show(path, at) {
        return (await find(path, at)).version;
      },
      async read(path, at) {
        const { history, version } = await find(path, at);
        return history.read(version, thisHost.ending);
      },
      async restore(path, at, { dryRun = true } = {}) {
        const { hostContext, history, version } = await find(path, at);
        const plan = await planRestore(hostContext, version, dryRun);
        if (dryRun || plan.restore.isCurrent) return plan.restore;
        await placeVersion(hostContext, history, version, plan, thisHost.ending);
        // Size and date may be those of a superseded version, so only an assertion makes the file
        // a new version.
        await capture([version.path]);
        return plan.restore;
      },
      async bundle(since) {
        const { history } = await open();
        return history.bundle(since, thisHost.ending);
      },
      async forget(path) {
        const { hostContext } = await open();
        await hostContext.forgotten.add(thisHost.toPath(path));
      },
    },
  };
}

interface RestorePlan {
  readonly restore: HistoryRestore;
  readonly location: SyncDirLocation;
  /** A copy in the trash or the conflicts of this host, if the history has no bytes. */
  readonly copy: string | undefined;
}

async function planRestore(
  { dirs, replica, registry, me }: HostContext,
  version: HistoryVersion,
  dryRun: boolean,
): Promise<RestorePlan> {
  const { path, info, as, revision } = version;
  const dir = dirs.current().findFor(path);
  if (!dir) throw new SyncMediaError('BAD_PATH', `${quotePath(path)} lies in no sync dir`);
  if (as === 'removed' || !info)
    throw new SyncMediaError(
      'NOT_RECORDED',
      `${quotePath(path)} was removed in ${revision.slice(0, 12)}: choose an earlier version`,
    );
  const location = await openReplicaDir(replica, dir);
  const copy =
    as === 'stored'
      ? undefined
      : await findRecoverableCopy(
          location,
          path,
          async ({ size }, hash) => size === info.size && (await hash()) === info.sha256,
        );
  if (as === 'named' && copy === undefined)
    throw new SyncMediaError(
      'NOT_RECORDED',
      `the history has only the name and the hash of this version of ${quotePath(path)}, and no ` +
        `copy is in the trash of this host: try it on another host`,
    );
  const here = await replica.hash(path);
  const others = registry.recipients().filter((host) => host.id !== me && wantsPath(host, path));
  return {
    location,
    copy,
    restore: {
      path,
      version,
      dryRun,
      from: copy === undefined ? 'history' : 'trash',
      ...(here && {
        current: { size: here.size, mtime: new Date(here.mtime * 1000), sha256: here.sha256 },
      }),
      isCurrent: here !== undefined && here.sha256 === info.sha256,
      hosts: [registry.me(), ...others].map(({ hostname }) => hostname),
    },
  };
}

/**
 * Places the bytes at the path by the code that places every file. The file that lies there goes
 * to the trash, even if the ledger does not know it: a person decided.
 */
async function placeVersion(
  { ledger, registry, me, config }: HostContext,
  history: History,
  version: HistoryVersion,
  { location, copy }: RestorePlan,
  signal: AbortSignal,
): Promise<void> {
  const { path, info } = version;
  if (!info) return;
  const resolver = createReplacedFileResolver(ledger, registry)(me, () => ({
    version: '',
    ruled: true,
  }));
  await makeParentDirs(location, path);
  if (copy !== undefined) {
    await placeFile(location, path, copy, resolver);
    return;
  }
  const { sha256, size } = info;
  const body = history.read(version, signal);
  const incoming = await receiveFile(
    { fileMode: parseFileMode(config.chmod) ?? 0o644, tmpFolders: new TmpFolders() },
    location,
    // The restored file is new: caches of visitors must notice it.
    { path, info: { size, mtime: Math.floor(Date.now() / 1000), ...(sha256 && { sha256 }) } },
    body,
  );
  const result = await incoming.finish(resolver);
  if ('error' in result) throw result.error;
}

/** Finds a version by its revision, or the one that was current at a time. */
function findVersion(
  versions: readonly RecordedVersion[],
  at: string,
): RecordedVersion | undefined {
  if (/^[0-9a-f]{4,64}$/.test(at)) {
    const found = versions.filter(({ revision }) => revision.startsWith(at));
    if (found.length > 0) return found[0];
  }
  const time = parseTime(at);
  return time && versions.find((version) => version.at <= time);
}

function describeAt(at: string): string {
  return parseTime(at) ? `at ${at}` : `with the revision ${JSON.stringify(at.slice(0, 80))}`;
}

/** A day alone means its end: "as it was on that day". */
function parseTime(at: string): Date | undefined {
  if (!/^\d{4}-\d\d-\d\d/.test(at)) return undefined;
  const time = new Date(at.length === 10 ? `${at}T23:59:59.999Z` : at);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function addHostname({ registry }: HostContext, version: RecordedVersion): HistoryVersion {
  return { ...version, hostname: registry.find(version.host)?.hostname ?? version.host };
}
