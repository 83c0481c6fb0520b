import type { LeaderContext } from '../context/leader-context.js';
import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import type { RestoredFile } from '../model/run.js';
import type { SyncDir } from '../model/sync-dir.js';
import { parseRecoverableName } from '../replica/recoverable-name.js';
import type { RunProgress } from './run-progress.js';

/**
 * Restores a recoverable file of this host, because a person decided so on another one: places it
 * at its path, and makes it a new version for every host.
 *
 * @throws BAD_SYNC_DIR, BAD_PATH, NO_MARKER; CHANGED if the files are not as the person saw them
 */
export async function runRestore(context: LeaderContext, progress: RunProgress): Promise<void> {
  const { restores } = progress.run,
    dir = restores && context.dirs.current().byPath(restores.dir);
  if (!dir)
    throw new SyncMediaError(
      'BAD_SYNC_DIR',
      `${JSON.stringify(restores?.dir)} is no sync dir of this host`,
    );
  const path = await placeKept(context, dir, restores);
  const info = await context.disk.observe(path);
  if (!info) return;
  progress.addFound(1, info.size);
  context.enqueue(
    await context.reconciler.reconcilePaths([path], { why: 'named', asserted: [{ path, info }] }),
  );
  progress.addDone(1, info.size);
}

/**
 * Returns the path of the file. An earlier leader may have ended after it placed the file: then the
 * bytes that were shown lie at the path already.
 */
async function placeKept(
  { disk }: LeaderContext,
  dir: SyncDir,
  restores: RestoredFile,
): Promise<Path> {
  try {
    return await disk.restoreKept(dir, restores.keptAs, restores);
  } catch (error) {
    const rest = parseRecoverableName(restores.keptAs)?.rest,
      path = `${dir.path}/${rest ?? ''}` as Path;
    if (!hasErrorCode(error, 'BAD_PATH') || rest === undefined || restores.kept === undefined)
      throw error;
    if ((await disk.hash(path).catch(() => undefined))?.sha256 !== restores.kept) throw error;
    return path;
  }
}
