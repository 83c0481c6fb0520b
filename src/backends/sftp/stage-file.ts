import { areas, newName } from '../../root/landing.js';
import type { Facts, Host, Path, SyncDir } from '../../words.js';
import type { Shared } from '../options.js';
import { remotePlace } from '../route.js';
import { fileModeOf, writeFinished } from './put.js';
import type { StagedFile } from './staged.js';

/** Sends a small file ahead, where it would go by SFTP and its bytes are still at hand. Nothing is made there that is missing. */
export function stageFile(shared: Shared, to: Host, { path, dir, facts }: { readonly path: Path; readonly dir: SyncDir; readonly facts: Facts }): void {
  const file: StagedFile = { host: to.id, path, facts }, mode = fileModeOf(shared.chmod);
  if (mode === undefined || facts.sha256 === undefined || facts.mtime >>> 0 !== facts.mtime || facts.size > (shared.smallFileLimit ?? Infinity) || !shared.staged.takes(file)) return;
  const recent = shared.root.findRecent(path);
  if (recent?.seen.sha256 !== facts.sha256) return;
  const { bytes } = recent;
  const uploading = shared.ssh.connections.use(to, async (connection) => {
    const { dirPath, disk } = remotePlace(connection, to, dir);
    // Before its marker was seen there once nothing is sent there.
    if (!shared.markers.knows(disk, dirPath) || !(await connection.sftp.canReplace())) return undefined;
    const at = `${dirPath}/${areas.tmp}/${newName()}`;
    return connection.channels.useSpare(async ({ sftp }) => {
      try {
        await writeFinished(sftp, at, { bytes, mtime: facts.mtime, mode });
        return at;
      } catch {
        await sftp.remove(at).catch(() => undefined);
        return undefined;
      }
    });
  }).catch(() => undefined);
  shared.staged.add(file, uploading, (at) => shared.ssh.connections.use(to, ({ sftp }) => sftp.remove(at)));
}
