import { createJudging } from '../../replication/resolve-replaced.js';
import { SyncMediaError } from '../../model/errors.js';
import type { KeptContent, SyncMedia } from '../../api/sync-media.js';
import type { Parts } from '../../context/host-context.js';
import { discardKept, listKept } from '../../replica/recoverable.js';
import { land } from '../../replica/place.js';
import { makeParents, checkOwnParents } from '../../replica/parents.js';
import { type Place, inPlace } from '../../replica/areas.js';
import { type KeptArea, type KeptName, parseKeptName } from '../../replica/recoverable-name.js';
import { localDisk } from '../../replica/node-disk.js';
import { isSafePath, quotePath } from '../../replica/paths.js';
import type { Path } from '../../model/words.js';

const listed = 100;

type List = SyncMedia['kept']['list'];

/** A recoverable file that was found, and the place it belongs to. */
interface FoundKept {
  readonly parts: Parts;
  readonly place: Place;
  readonly path: Path;
  readonly name: KeptName;
  readonly file: string;
}

/**
 * The actions for files that were replaced on this host's disk: a person can restore, compare or
 * discard them.
 */
export function offerKept(
  openParts: () => Promise<Parts>,
  capture: (paths: readonly Path[]) => Promise<void>,
): Pick<SyncMedia, 'kept' | 'conflicts'> {
  const list: List = async (area, limit = listed) => {
    const { dirs, root } = await openParts();
    const found = await Promise.all(
      dirs
        .current()
        .list.map(async (dir) =>
          (await root.check(dir))
            ? []
            : (
                await listKept(
                  { disk: localDisk, dirPath: root.absolute(dir.path), dir: dir.path },
                  area,
                  limit,
                )
              ).map((kept) => ({ dir: dir.path, ...kept })),
        ),
    );
    return found.flat();
  };
  const restore = async (
    areas: readonly KeptArea[],
    dirPath: string,
    keptAs: string,
  ): Promise<void> => {
    const { parts, place, path, file } = await findKept(await openParts(), areas, dirPath, keptAs);
    await makeParents(place, path);
    // A person decided: the file at the path loses, whatever the ledger says of it, and goes to
    // the trash.
    await land(
      place,
      path,
      file,
      createJudging(parts.ledger, parts.registry)(parts.me, () => ({ version: '', ruled: true })),
    );
    // Size and date are those of a superseded version, so only an assertion makes the file a new
    // version.
    await capture([path]);
  };
  return {
    kept: { list, restore: (dirPath, keptAs) => restore(['trash', 'conflicts'], dirPath, keptAs) },
    conflicts: {
      list: (limit) => list('conflicts', limit),
      restore: (dirPath, keptAs) => restore(['conflicts'], dirPath, keptAs),
      async compare(dirPath, keptAs) {
        const { parts, place, path, file } = await findKept(
          await openParts(),
          ['conflicts'],
          dirPath,
          keptAs,
        );
        const kept = await describeContent(file),
          here = await describeContent(parts.root.absolute(path));
        if (!kept) throw notKept(keptAs);
        return {
          dir: place.dir,
          path,
          keptAs,
          kept,
          ...(here && { here }),
          identical: kept.sha256 === here?.sha256,
        };
      },
      async discard(dirPath, keptAs) {
        const { place, name } = await findKept(await openParts(), ['conflicts'], dirPath, keptAs);
        if (!(await discardKept(place, keptAs, name.rest))) throw notKept(keptAs);
      },
    },
  };
}

/** @throws BAD_SYNC_DIR; NO_MARKER; BAD_PATH if none of the areas has such a file */
async function findKept(
  parts: Parts,
  areas: readonly KeptArea[],
  dirPath: string,
  keptAs: string,
): Promise<FoundKept> {
  const dir = parts.dirs.current().byPath(dirPath);
  if (!dir)
    throw new SyncMediaError('BAD_SYNC_DIR', `${quotePath(dirPath)} is no sync dir of this host`);
  const place: Place = { disk: localDisk, dirPath: parts.root.absolute(dir.path), dir: dir.path };
  await parts.root.requireOpenable(dir);
  const name = parseKeptName(keptAs),
    path = `${dir.path}/${name?.rest ?? ''}`;
  if (!name || !areas.includes(name.area) || !isSafePath(path)) throw notKept(keptAs);
  const file = inPlace(place, keptAs);
  if (!(await checkOwnParents(place, keptAs)) || (await localDisk.stat(file))?.kind !== 'file')
    throw notKept(keptAs);
  return { parts, place, path, name, file };
}

async function describeContent(file: string): Promise<KeptContent | undefined> {
  const stat = await localDisk.stat(file);
  if (stat?.kind !== 'file') return undefined;
  const sha256 = await localDisk.hash(file, Infinity);
  return sha256 === undefined
    ? undefined
    : { size: stat.size, mtime: new Date(stat.mtime * 1000), sha256 };
}

function notKept(keptAs: string): SyncMediaError {
  return new SyncMediaError(
    'BAD_PATH',
    `${quotePath(keptAs)} is no kept file: "syncmedia trash list" and "syncmedia conflicts ` +
      `list" show them`,
  );
}

/** The actions for removals that wait for a person, because there were too many at once. */
export function offerRemovals(openParts: () => Promise<Parts>): SyncMedia['removals'] {
  async function list(): ReturnType<SyncMedia['removals']['list']> {
    const { registry } = await openParts();
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
      const { registry } = await openParts();
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
