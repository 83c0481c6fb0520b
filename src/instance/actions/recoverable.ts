import { createReplacedFileResolver } from '../../replication/resolve-replaced.js';
import { SyncMediaError } from '../../model/errors.js';
import type { RecoverableContent } from '../../api/reports.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { HostContext } from '../../context/host-context.js';
import type { ThisHost } from '../../context/this-host.js';
import { discardRecoverableFile, listRecoverableFiles } from '../../replica/recoverable.js';
import { placeFile } from '../../replica/place.js';
import { makeParentDirs, checkOwnParentDirs } from '../../replica/parents.js';
import { type SyncDirLocation, resolveInDir } from '../../replica/areas.js';
import {
  type RecoverableArea,
  type RecoverableName,
  parseRecoverableName,
} from '../../replica/recoverable-name.js';
import { nodeDisk } from '../../replica/node-disk.js';
import { isSafePath, quotePath } from '../../replica/paths.js';
import type { Path } from '../../model/path.js';

const defaultListLimit = 100;

type ListRecoverable = SyncMedia['recoverable']['list'];

/** A recoverable file that was found, and the place it belongs to. */
interface FoundRecoverable {
  readonly hostContext: HostContext;
  readonly location: SyncDirLocation;
  readonly path: Path;
  readonly name: RecoverableName;
  readonly file: string;
}

/**
 * Makes the actions by which a person restores, compares or discards files that were replaced on
 * this host's disk.
 */
export function createRecoverableActions(
  thisHost: ThisHost,
  capture: (paths: readonly Path[]) => Promise<void>,
): Pick<SyncMedia, 'recoverable' | 'conflicts'> {
  const list: ListRecoverable = async (area, limit = defaultListLimit) => {
    const { dirs, replica } = await thisHost.openContext();
    const recoverable = await Promise.all(
      dirs
        .current()
        .list.map(async (dir) =>
          (await replica.check(dir))
            ? []
            : (
                await listRecoverableFiles(
                  { disk: nodeDisk, dirPath: replica.absolute(dir.path), dir: dir.path },
                  area,
                  limit,
                )
              ).map((recoverable) => ({ dir: dir.path, ...recoverable })),
        ),
    );
    return recoverable.flat();
  };
  const restore = async (
    areas: readonly RecoverableArea[],
    dirPath: string,
    keptAs: string,
  ): Promise<void> => {
    const { hostContext, location, path, file } = await findRecoverable(
      await thisHost.openContext(),
      areas,
      dirPath,
      keptAs,
    );
    await makeParentDirs(location, path);
    // A person decided: the file at the path loses, whatever the ledger says of it, and goes to
    // the trash.
    await placeFile(
      location,
      path,
      file,
      createReplacedFileResolver(hostContext.ledger, hostContext.registry)(hostContext.me, () => ({
        version: '',
        ruled: true,
      })),
    );
    // Size and date are those of a superseded version, so only an assertion makes the file a new
    // version.
    await capture([path]);
  };
  return {
    recoverable: {
      list,
      restore: (dirPath, keptAs) => restore(['trash', 'conflicts'], dirPath, keptAs),
    },
    conflicts: {
      list: (limit) => list('conflicts', limit),
      restore: (dirPath, keptAs) => restore(['conflicts'], dirPath, keptAs),
      async compare(dirPath, keptAs) {
        const { hostContext, location, path, file } = await findRecoverable(
          await thisHost.openContext(),
          ['conflicts'],
          dirPath,
          keptAs,
        );
        const recoverable = await describeContent(file),
          here = await describeContent(hostContext.replica.absolute(path));
        if (!recoverable) throw makeNotRecoverableError(keptAs);
        return {
          dir: location.dir,
          path,
          keptAs,
          conflict: recoverable,
          ...(here && { here }),
          identical: recoverable.sha256 === here?.sha256,
        };
      },
      async discard(dirPath, keptAs) {
        const { location, name } = await findRecoverable(
          await thisHost.openContext(),
          ['conflicts'],
          dirPath,
          keptAs,
        );
        if (!(await discardRecoverableFile(location, keptAs, name.rest)))
          throw makeNotRecoverableError(keptAs);
      },
    },
  };
}

/** @throws BAD_SYNC_DIR; NO_MARKER; BAD_PATH if none of the areas has such a file */
async function findRecoverable(
  hostContext: HostContext,
  areas: readonly RecoverableArea[],
  dirPath: string,
  keptAs: string,
): Promise<FoundRecoverable> {
  const dir = hostContext.dirs.current().byPath(dirPath);
  if (!dir)
    throw new SyncMediaError('BAD_SYNC_DIR', `${quotePath(dirPath)} is no sync dir of this host`);
  const location: SyncDirLocation = {
    disk: nodeDisk,
    dirPath: hostContext.replica.absolute(dir.path),
    dir: dir.path,
  };
  await hostContext.replica.requireOpenable(dir);
  const name = parseRecoverableName(keptAs),
    path = `${dir.path}/${name?.rest ?? ''}`;
  if (!name || !areas.includes(name.area) || !isSafePath(path))
    throw makeNotRecoverableError(keptAs);
  const file = resolveInDir(location, keptAs);
  if (!(await checkOwnParentDirs(location, keptAs)) || (await nodeDisk.stat(file))?.kind !== 'file')
    throw makeNotRecoverableError(keptAs);
  return { hostContext, location, path, name, file };
}

async function describeContent(file: string): Promise<RecoverableContent | undefined> {
  const stat = await nodeDisk.stat(file);
  if (stat?.kind !== 'file') return undefined;
  const sha256 = await nodeDisk.hash(file, Infinity);
  return sha256 === undefined
    ? undefined
    : { size: stat.size, mtime: new Date(stat.mtime * 1000), sha256 };
}

function makeNotRecoverableError(keptAs: string): SyncMediaError {
  return new SyncMediaError(
    'BAD_PATH',
    `${quotePath(keptAs)} is no kept file: "syncmedia trash list" and "syncmedia conflicts ` +
      `list" show them`,
  );
}

/** Makes the actions on removals that wait for a person, because there were too many at once. */
export function createRemovalActions(thisHost: ThisHost): SyncMedia['removals'] {
  async function list(): ReturnType<SyncMedia['removals']['list']> {
    const { registry } = await thisHost.openContext();
    await registry.refresh();
    return registry.all().flatMap((host) =>
      Object.entries(host.halted)
        .filter(([, failure]) => failure.code === 'REMOVALS_HALTED')
        .map(([dir, failure]) => ({ host, dir: dir as Path, failure })),
    );
  }
  return {
    list,
    async decide(dir, decision, host) {
      const { registry } = await thisHost.openContext();
      const waiting = (await list()).filter(
        (one) =>
          one.dir === dir &&
          (host === undefined || [one.host.id, one.host.hostname].includes(host)),
      );
      if (waiting.length === 0)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `no removals of ${JSON.stringify(dir)} ` +
            `wait${host === undefined ? '' : ` on ${host}`}: "syncmedia removals" lists those ` +
            `that do`,
        );
      for (const one of waiting) await registry.decideRemovals(one.host.id, one.dir, decision);
    },
  };
}
