import { checkParents } from '../../root/parents.js';
import type { Facts, Host, Path, SyncDir } from '../../words.js';
import type { Shared } from '../options.js';
import { remotePlace } from '../route.js';
import { fileModeOf, newFile, writeFinished } from './put.js';
import type { SentAhead, StagedFile } from './staged.js';

/**
 * Sends a small file ahead, where it would go by SFTP and its bytes are still at hand, and looks meanwhile whether it may be placed
 * there: that its sync dir is what it should be, here and there, and which directories are on the way. Nothing is made there that is missing.
 */
export function stageFile(shared: Shared, to: Host, { path, dir, facts }: { readonly path: Path; readonly dir: SyncDir; readonly facts: Facts }): void {
  const file: StagedFile = { host: to.id, path, facts }, mode = fileModeOf(shared.chmod);
  if (mode === undefined || facts.sha256 === undefined || facts.mtime >>> 0 !== facts.mtime || facts.size > (shared.smallFileLimit ?? Infinity) || !shared.staged.takes(file)) return;
  const recent = shared.root.findRecent(path);
  if (recent?.seen.sha256 !== facts.sha256) return;
  const { bytes } = recent;
  const uploading = shared.ssh.connections.use(to, async (connection): Promise<SentAhead | undefined> => {
    const place = remotePlace(connection, to, dir), { dirPath, disk } = place;
    // Before its marker was seen there once nothing is sent there.
    if (!shared.markers.knows(disk, dirPath) || !(await connection.sftp.canReplace())) return undefined;
    const folder = shared.tmpFolders.guess(place, path), at = newFile(place, folder), looked = new Set<string>();
    return connection.channels.useSpare(async ({ sftp }) => {
      const [written, ...looks] = await Promise.allSettled([
        writeFinished(sftp, at, { bytes, mtime: facts.mtime, mode }),
        shared.root.check(dir), shared.markers.check(disk, dirPath, to.id, dir.path), shared.areas.lacks(place), checkParents(place, path, looked),
        shared.tmpFolders.look(place, path),
      ]);
      const [failureHere, failureThere, lacks, way, group] = looks;
      const isRight = [failureHere, failureThere].every((failure) => failure.status === 'fulfilled' && failure.value === undefined)
        && lacks.status === 'fulfilled' && !lacks.value;
      // Directories that are missing are made only right after a look at the marker.
      const isOfGroup = group.status === 'fulfilled' && shared.tmpFolders.findKnown(place, path) === folder;
      if (written.status === 'fulfilled' && isRight && isOfGroup && way.status === 'fulfilled') return { at, folder, looked: way.value ? looked : undefined };
      await sftp.remove(at).catch(() => undefined);
      return undefined;
    });
  }).catch(() => undefined);
  shared.staged.add(file, uploading, (at) => shared.ssh.connections.use(to, ({ sftp }) => sftp.remove(at)));
}
