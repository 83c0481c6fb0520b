import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { Failure } from '../model/failure.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { areas, newName, prepareAreas } from './areas.js';
import type { Disk } from './disk.js';
import { isSafePath, quotePath } from './paths.js';

/**
 * Says which host's replica of which sync dir a directory is. Without it nothing is sent, scanned
 * or removed.
 */
interface Marker {
  readonly host: HostId;
  readonly syncDir: Path;
}

/**
 * Reads the marker of the sync dir at this absolute path; undefined if it is missing or invalid.
 */
export async function readMarker(disk: Disk, dirPath: string): Promise<Marker | undefined> {
  const text = await disk.readText(`${dirPath}/${areas.marker}`);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('host' in value) || !('syncDir' in value))
    return undefined;
  const { host, syncDir } = value;
  return typeof host === 'string' &&
    host !== '' &&
    typeof syncDir === 'string' &&
    isSafePath(syncDir)
    ? { host, syncDir }
    : undefined;
}

/**
 * Marks an existing sync dir and makes its working folders. Only `init`, `hosts add` or a person
 * may do that.
 *
 * @throws BAD_SYNC_DIR if the directory is missing; BAD_STATE if it is marked for another host
 *   and `force` is not set
 */
export async function writeMarker(
  disk: Disk,
  dirPath: string,
  host: HostId,
  dir: Path,
  { force = false } = {},
): Promise<void> {
  const real = await disk.realPath(dirPath);
  const at = real === undefined ? undefined : await disk.stat(real);
  if (at?.kind !== 'directory')
    throw new SyncMediaError(
      'BAD_SYNC_DIR',
      `The sync dir ${quotePath(dirPath)} is ${at === undefined ? 'missing' : 'no directory'}: ` +
        `create it first.`,
    );
  const before = await readMarker(disk, dirPath);
  if (before !== undefined && before.host !== host && !force) {
    throw new SyncMediaError(
      'BAD_STATE',
      `The sync dir ${quotePath(dirPath)} belongs to the host ${before.host}: give every host ` +
        `its own directory, or remove ${areas.marker} from it if that host is gone.`,
    );
  }
  await prepareAreas({ disk, dirPath, dir });
  if (before?.host === host && before.syncDir === dir) return;
  const unfinished = `${dirPath}/${areas.tmp}/${newName()}`;
  await disk.writeNew(
    unfinished,
    Buffer.from(`${JSON.stringify({ host, syncDir: dir })}\n`),
    0o600,
  );
  await disk.rename(unfinished, `${dirPath}/${areas.marker}`);
}

/**
 * Returns why this directory is not that host's replica of `dir`; undefined if it is. Throws only
 * what the disk throws.
 */
export async function checkMarker(
  disk: Disk,
  dirPath: string,
  host: HostId,
  dir: Path,
): Promise<Failure | undefined> {
  const marker = await readMarker(disk, dirPath).catch((error: unknown) => {
    if (hasErrorCode(error, 'PERMISSION_DENIED')) return 'closed' as const;
    throw error;
  });
  if (marker === 'closed') {
    return {
      code: 'NO_MARKER',
      scope: 'host',
      retryable: true,
      message:
        `The marker of the sync dir ${quotePath(dirPath)} may not be read: the app on ` +
        `that host does not declare this sync dir (yet), so it is closed to other hosts, or ` +
        `another user owns it.`,
    };
  }
  if (marker?.host === host && marker.syncDir === dir) return undefined;
  const wrong =
    marker === undefined
      ? 'has no marker: it is not mounted, or was never initialised'
      : marker.host === host
        ? `is marked as the sync dir ${quotePath(marker.syncDir)}`
        : `is marked for the host ${marker.host}`;
  return {
    code: 'NO_MARKER',
    scope: 'host',
    retryable: true,
    message:
      `The sync dir ${quotePath(dirPath)} ${wrong} (${areas.marker}). Mount it, or run ` +
      `\`syncmedia init\` on that host.`,
  };
}
