import type { RecoverableFile } from '../../api/reports.js';
import type { RecoverableDecision, RecoverableQuery } from '../../api/requests.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { HostContext } from '../../context/host-context.js';
import type { ThisHost } from '../../context/this-host.js';
import { explainConflict } from '../../decisions/kept-reason.js';
import { findPictureType } from '../../model/picture-type.js';
import type { Path } from '../../model/path.js';
import type { Run } from '../../model/run.js';
import {
  findKeptFile,
  locateCurrent,
  makeNotKeptError,
  readContent,
  requireContents,
} from '../../replica/kept-file.js';
import { makeParentDirs } from '../../replica/parents.js';
import { placeFile } from '../../replica/place.js';
import type { RecoverableArea } from '../../replica/recoverable-name.js';
import { discardRecoverableFile, listRecoverableFiles } from '../../replica/recoverable.js';
import { createReplacedFileResolver } from '../../replication/resolve-replaced.js';
import { LoginLimiter } from '../../transport/ssh/handshakes.js';
import { limitList } from '../../util/limit-list.js';
import { usePlace, type KeptPlace } from './kept-place.js';
import type { RunActions } from './runs.js';
import { SameBytes } from './same-bytes.js';

const defaultListLimit = 100,
  maxListLimit = 1_000;
/** How many files are looked at on other hosts at once. sshd lets ten log in at once by default. */
const maxLogins = 4;
const maxPictureBytes = 10 * 1024 * 1024;

/**
 * Makes the actions by which a person restores, compares or discards files that were replaced, on
 * this host's disk or on that of another one.
 */
export function createRecoverableActions(
  thisHost: ThisHost,
  runs: Pick<RunActions, 'requestRestore'>,
  capture: (paths: readonly Path[]) => Promise<void>,
): Pick<SyncMedia, 'recoverable' | 'conflicts'> {
  const sameBytes = new SameBytes();
  const logins = new LoginLimiter(maxLogins);

  const list = async (
    area: RecoverableArea,
    query: number | RecoverableQuery = {},
  ): Promise<RecoverableFile[]> => {
    const { host, limit } = typeof query === 'number' ? { limit: query } : query;
    const most = limitList(limit, defaultListLimit, maxListLimit);
    const hostContext = await thisHost.openContext();
    return usePlace(hostContext, host, logins, (place) =>
      listKept(hostContext, place, area, most, sameBytes),
    );
  };

  const restore = async (
    areas: readonly RecoverableArea[],
    dirPath: string,
    keptAs: string,
    { host, shown = {}, by = 'the app' }: RecoverableDecision = {},
  ): Promise<Run | undefined> => {
    const hostContext = await thisHost.openContext();
    if (host !== undefined) {
      await hostContext.refresh();
      const other = hostContext.registry.get(host);
      if (other.id !== hostContext.me)
        return runs.requestRestore(hostContext, other, areas, { dirPath, keptAs, shown, by });
    }
    const path = await usePlace(hostContext, undefined, logins, async (place) => {
      const kept = await findKeptFile(await place.require(dirPath), areas, keptAs);
      await requireContents(kept, shown);
      await makeParentDirs(kept.location, kept.path);
      // A person decided: the file at the path loses, whatever the ledger says of it, and goes to
      // the trash.
      await placeFile(
        kept.location,
        kept.path,
        kept.file,
        createReplacedFileResolver(hostContext.ledger, hostContext.registry)(
          hostContext.me,
          () => ({ version: '', ruled: true }),
        ),
      );
      return kept.path;
    });
    // Size and date are those of a superseded version, so only an assertion makes the file a new
    // version.
    await capture([path]);
    return undefined;
  };

  return {
    recoverable: {
      list,
      restore: (dirPath, keptAs, decision) =>
        restore(['trash', 'conflicts'], dirPath, keptAs, decision),
    },
    conflicts: {
      list: (query) => list('conflicts', query),
      restore: (dirPath, keptAs, decision) => restore(['conflicts'], dirPath, keptAs, decision),
      compare: async (dirPath, keptAs, host) =>
        usePlace(await thisHost.openContext(), host, logins, async (place) => {
          const kept = await findKeptFile(await place.require(dirPath), ['conflicts'], keptAs);
          const { location, path, file } = kept,
            { disk, hashLimit } = location;
          const conflict = await readContent(disk, file, hashLimit),
            current = await locateCurrent(kept),
            here = current === undefined ? undefined : await readContent(disk, current, hashLimit);
          if (!conflict) throw makeNotKeptError(keptAs);
          return {
            host: place.host.hostname,
            dir: location.dir,
            path,
            keptAs,
            conflict,
            ...(here && { here }),
            identical: conflict.sha256 !== undefined && conflict.sha256 === here?.sha256,
          };
        }),
      readPicture: async (dirPath, keptAs, side, host) =>
        usePlace(await thisHost.openContext(), host, logins, async (place) => {
          const kept = await findKeptFile(await place.require(dirPath), ['conflicts'], keptAs);
          const file = side === 'kept' ? kept.file : await locateCurrent(kept);
          const { disk } = kept.location;
          const stat = file === undefined ? undefined : await disk.stat(file);
          if (file === undefined || stat?.kind !== 'file') throw makeNotKeptError(kept.path);
          const bytes = await disk.read(file, maxPictureBytes);
          const type = bytes && findPictureType(bytes);
          return bytes && type !== undefined ? { type, bytes } : undefined;
        }),
      discard: async (dirPath, keptAs, { host, shown = {} } = {}) =>
        usePlace(await thisHost.openContext(), host, logins, async (place) => {
          const kept = await findKeptFile(await place.require(dirPath), ['conflicts'], keptAs);
          await requireContents(kept, shown);
          if (!(await discardRecoverableFile(kept.location, keptAs, kept.name.rest)))
            throw makeNotKeptError(keptAs);
        }),
    },
  };
}

async function listKept(
  { ledger }: HostContext,
  place: KeptPlace,
  area: RecoverableArea,
  limit: number,
  sameBytes: SameBytes,
): Promise<RecoverableFile[]> {
  const listed: RecoverableFile[] = [];
  const budget = sameBytes.startBudget(place.isRemote);
  for (const dir of place.dirs) {
    const location = await place.find(dir);
    if (!location) continue;
    const found = await listRecoverableFiles(location, area, limit);
    const entries = await ledger.readMany([...new Set(found.map(({ path }) => path))]);
    for (const { mtime, ...file } of found) {
      const entry = entries.get(file.path),
        { info } = entry ?? {};
      if (area === 'conflicts') {
        const kept = { host: place.host.id, location, keptAs: file.keptAs, mtime };
        if (await sameBytes.areCurrent({ ...kept, size: file.size }, entry, budget)) continue;
      }
      listed.push({
        host: place.host.hostname,
        dir,
        ...file,
        ...(area === 'conflicts' && {
          why: explainConflict(entry, { size: file.size, mtime }),
        }),
        ...(entry &&
          info && {
            current: {
              size: info.size,
              ...(info.sha256 !== undefined && { sha256: info.sha256 }),
              capturedAt: entry.capturedAt,
            },
          }),
      });
    }
  }
  return listed;
}
