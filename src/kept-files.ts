import { createJudging } from './delivery/judging.js';
import { SyncMediaError } from './errors/errors.js';
import type { SyncMedia } from './instance.js';
import type { Parts } from './parts.js';
import { areas, land, listKept, makeParents, type Place } from './root/landing.js';
import { inPlace } from './root/areas.js';
import { localDisk } from './root/local-disk.js';
import { checkMarker } from './root/marker.js';
import { isSafePath } from './root/paths.js';
import type { Path, SyncDir } from './words.js';

const listed = 100;

/** What was set aside on this host's disk, and how a person gets it back. */
export function offerKept(openParts: () => Promise<Parts>, capture: (paths: readonly Path[]) => Promise<void>): SyncMedia['kept'] {
  return {
    async list(area, limit = listed) {
      const { dirs, root } = await openParts();
      const found = await Promise.all(dirs.current().list.map(async (dir) =>
        (await listKept(placeOf(dir, root), area, limit)).map((kept) => ({ dir: dir.path, ...kept }))));
      return found.flat();
    },
    async restore(dirPath, keptAs) {
      const parts = await openParts();
      const dir = parts.dirs.current().byPath(dirPath);
      if (!dir) throw new SyncMediaError('BAD_SYNC_DIR', `${JSON.stringify(dirPath)} is no sync dir of this host`);
      const place = placeOf(dir, parts.root);
      const failure = await checkMarker(localDisk, place.dirPath, parts.me, dir.path);
      if (failure) throw new SyncMediaError('NO_MARKER', failure.message);
      const path = pathOf(dir, keptAs);
      const file = inPlace(place, keptAs);
      if ((await localDisk.stat(file))?.kind !== 'file') throw notKept(keptAs);
      await makeParents(place, path);
      // A person decided: what lies there loses, whatever the ledger says of it, and goes to the trash.
      await land(place, path, file, createJudging(parts.ledger, parts.registry)(parts.me, () => ({ version: '', ruled: true })));
      // Its facts are those of an old version: only who says so makes them news.
      await capture([path]);
    },
  };
}

/** `.syncmedia/trash/<name>/<path below the sync dir>`; anything else is no kept file. */
function pathOf(dir: SyncDir, keptAs: string): Path {
  const area = [areas.trash, areas.conflicts].find((name) => keptAs.startsWith(`${name}/`));
  const rest = area === undefined ? '' : keptAs.slice(area.length + 1).replace(/^[^/]+\//, '');
  const path = `${dir.path}/${rest}`;
  if (area === undefined || rest === '' || !isSafePath(path)) throw notKept(keptAs);
  return path;
}

function notKept(keptAs: string): SyncMediaError {
  return new SyncMediaError('BAD_PATH', `${JSON.stringify(keptAs)} is no kept file: "syncmedia trash list" shows them`);
}

function placeOf(dir: SyncDir, root: Parts['root']): Place {
  return { disk: localDisk, dirPath: root.absolute(dir.path), dir: dir.path };
}

/** Removals that were so many at once that they wait for a person. */
export function offerRemovals(openParts: () => Promise<Parts>): SyncMedia['removals'] {
  async function list(): ReturnType<SyncMedia['removals']['list']> {
    const { registry } = await openParts();
    await registry.refresh();
    return registry.all().flatMap((host) => Object.entries(host.halted)
      .filter(([, failure]) => failure.code === 'REMOVALS_HALTED').map(([dir, failure]) => ({ host, dir: dir as Path, failure })));
  }
  return {
    list,
    async decide(dir, decision, host) {
      const { registry } = await openParts();
      const waiting = (await list()).filter((one) => one.dir === dir && (host === undefined || [one.host.id, one.host.hostname].includes(host)));
      if (waiting.length === 0) throw new SyncMediaError('BAD_SYNC_DIR', `no removals of ${JSON.stringify(dir)} wait${host === undefined ? '' : ` on ${host}`}: "syncmedia removals" lists those that do`);
      for (const one of waiting) await registry.decideRemovals(one.host.id, one.dir, decision);
    },
  };
}
