import type { FilePage, ModelDescription } from '../../api/reports.js';
import type { FileQuery, RetryRequest } from '../../api/requests.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { HostContext } from '../../context/host-context.js';
import { isKnownPath, lookUpPaths } from '../../context/look-up.js';
import type { ThisHost } from '../../context/this-host.js';
import { listPathsOfAddress } from '../../decisions/match-url.js';
import type { LeaderElection } from '../../leader/election.js';
import type { EntrySearch } from '../../ledger/filters.js';
import { SyncMediaError } from '../../model/errors.js';
import type { Path } from '../../model/path.js';
import { isSafePath, toPathBelow } from '../../replica/paths.js';
import type { MediaServer } from '../../serving/media-server.js';
import { limitList } from '../../util/limit-list.js';
import { describeFiles } from './describe-files.js';

const defaultLimit = 50,
  maxLimit = 200;
/** In milliseconds. A search that the database cannot answer by an index reads every entry. */
const maxSearchMs = 2_000;
/** Longer texts are no part of a path. */
const maxContained = 1_000;
const exact = ['path', 'document', 'url'] as const,
  filters = ['contains', 'pendingOn', 'blockedOn', 'missing'] as const;

/** Finds files as operators look for them, and makes their deliveries hurry. */
export function createFileSearchActions(
  thisHost: ThisHost,
  serving: Pick<MediaServer, 'listServedDirs'>,
  election: Pick<LeaderElection, 'sendHint'>,
  showDocument: SyncMedia['showDocument'],
): Pick<SyncMedia, 'files' | 'models'> {
  return {
    files: {
      find: async (query) => findFiles(query),
      retry: async (request) => {
        const hostContext = await thisHost.openContext();
        await hostContext.registry.refresh();
        return retryDeliveries(request, hostContext, election);
      },
    },
    models: async () => listModels(await thisHost.openContext()),
  };

  async function findFiles(query: FileQuery): Promise<FilePage> {
    const hostContext = await thisHost.openContext();
    const chosen = exact.filter((name) => query[name] !== undefined),
      filtered = filters.filter((name) => query[name] !== undefined && query[name] !== false);
    if (chosen.length > 1 || chosen.length + Math.min(1, filtered.length) !== 1)
      throw new SyncMediaError(
        'BAD_OPTION',
        `say which files: give one of ${exact.join(', ')}, or some of ${filters.join(', ')}`,
      );
    if (query.path !== undefined) {
      const path = await readPath(query.path, hostContext);
      const unsynced = hostContext.dirs.current().explainUnsynced(path);
      const [file] = await describeFiles([path], [], hostContext);
      const [why] = unsynced ? await describeFiles([], [unsynced], hostContext) : [];
      return { files: file ? [{ ...file, ...(why?.unsynced && { unsynced: why.unsynced }) }] : [] };
    }
    if (query.url !== undefined)
      return findByAddress(query.url, hostContext, serving.listServedDirs());
    if (query.document !== undefined && hostContext.models.findModel(query.document.model))
      return { files: (await showDocument(query.document.model, query.document.id)).files };
    return searchLedger(query, hostContext);
  }

  /** Also takes a path that only other hosts keep. @throws BAD_PATH */
  async function readPath(given: string, hostContext: HostContext): Promise<Path> {
    await hostContext.refresh();
    const path = given.startsWith('/')
      ? hostContext
          .listRootPaths()
          .map((root) => toPathBelow(root, given))
          .find((found) => found !== undefined)
      : given;
    if (path !== undefined && isSafePath(path)) {
      const knownOf = await lookUpPaths(hostContext, [path]);
      if (isKnownPath(knownOf(path))) return path;
    }
    return thisHost.toPath(given);
  }
}

/** @throws BAD_PATH if the address leads into no sync dir */
async function findByAddress(
  address: string,
  hostContext: HostContext,
  served: readonly string[],
): Promise<FilePage> {
  await hostContext.refresh();
  const dirs = hostContext.dirs.listStored();
  const paths = listPathsOfAddress(address, dirs, served).filter(isSafePath);
  const [first] = paths;
  if (first === undefined)
    throw new SyncMediaError(
      'BAD_PATH',
      `${JSON.stringify(address.slice(0, 300))} leads into no sync dir: known are ` +
        `${dirs.join(', ') || 'none'}`,
    );
  const knownOf = await lookUpPaths(hostContext, paths);
  const known = paths.filter((path) => isKnownPath(knownOf(path))).slice(0, defaultLimit);
  return { files: await describeFiles(known.length > 0 ? known : [first], [], hostContext) };
}

/** @throws UNKNOWN_HOST, BAD_OPTION, TIMED_OUT */
async function searchLedger(query: FileQuery, hostContext: HostContext): Promise<FilePage> {
  const { contains, pendingOn, blockedOn, missing, document, after } = query;
  const limit = limitList(query.limit, defaultLimit, maxLimit);
  if (contains !== undefined) requireContained(contains);
  await hostContext.registry.refresh();
  const idOf = (host: string): string => hostContext.registry.get(host).id;
  const search: EntrySearch = {
    ...(contains !== undefined && { contains }),
    ...(pendingOn !== undefined && { pending: idOf(pendingOn) }),
    ...(blockedOn !== undefined && { blocked: idOf(blockedOn) }),
    ...(missing && { missing }),
    ...(document && { savedBy: document }),
    ...(after !== undefined && { after: after as Path }),
  };
  const entries = await hostContext.ledger.search(search, limit, maxSearchMs);
  if (document && entries.length === 0 && after === undefined)
    throw new SyncMediaError(
      'UNKNOWN_DOCUMENT',
      `no entry of the ledger was saved by ${document.model} ${JSON.stringify(document.id)}, and ` +
        `this process has no plugged model ${document.model} whose document it could read`,
    );
  const last = entries.at(-1);
  return {
    files: await describeFiles(
      entries.map(({ path }) => path),
      [],
      hostContext,
    ),
    ...(last && entries.length === limit && { next: last.path }),
  };
}

function requireContained(contains: string): void {
  if (contains !== '' && contains.length <= maxContained && !contains.includes('\0')) return;
  throw new SyncMediaError(
    'BAD_OPTION',
    `"contains" needs 1 to ${String(maxContained)} characters of a path, without NUL`,
  );
}

/** @throws UNKNOWN_HOST, BAD_PATH, BAD_OPTION */
async function retryDeliveries(
  { path, host }: RetryRequest,
  { ledger, registry }: HostContext,
  election: Pick<LeaderElection, 'sendHint'>,
): Promise<{ retried: number }> {
  if (path === undefined && host === undefined)
    throw new SyncMediaError('BAD_OPTION', 'give the path or the host that is to be tried again');
  if (path !== undefined && !isSafePath(path))
    throw new SyncMediaError('BAD_PATH', `${JSON.stringify(path)} is no path below the root`);
  const entry = path === undefined ? undefined : await ledger.read(path);
  const lacking = entry
    ? [...new Set([...entry.pending, ...entry.blocked.map((blocked) => blocked.host)])]
    : [];
  const ids = host === undefined ? lacking : [registry.get(host).id];
  let retried = 0;
  for (const id of ids) retried += await ledger.retryNow(id, path);
  // The queues of every origin are told, through the rows of the hosts that they send to.
  if (retried > 0 || host !== undefined) {
    await registry.requestRetries(ids);
    election.sendHint({ retry: ids });
  }
  return { retried };
}

/** Plugged models of this process, and models that other processes of the site have plugged. */
async function listModels(hostContext: HostContext): Promise<ModelDescription[]> {
  const { models } = hostContext;
  const stored = await hostContext.listModels();
  const names = new Set([...models.names, ...stored.keys()]);
  return [...names].sort().map((name) => {
    const options = models.findModel(name)?.options;
    return {
      name,
      syncDirs: options ? [...options.syncDirs] : (stored.get(name) ?? []),
      ...(Array.isArray(options?.paths) ? { fields: options.paths } : {}),
      plugged: options !== undefined,
    };
  });
}
