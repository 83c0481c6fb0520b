import { SyncMediaError } from '../model/errors.js';
import type { FileInfo, LocalFileInfo } from '../model/file.js';
import type { Path } from '../model/path.js';
import { resolveInDir, type SyncDirLocation } from './areas.js';
import type { ReplacedFileResolver } from './disk.js';
import { getPathInDir } from './parents.js';
import { placeFile } from './place.js';
import { placeBytes, type PlaceOptions } from './place-bytes.js';
import { quotePath } from './paths.js';
import { isBackAtPath } from './replaced.js';

/** An earlier version, and what a restore found at its path before it read the bytes. */
export interface RestoredVersion {
  readonly path: Path;
  readonly info: FileInfo;
  /** The absolute path of a copy in the trash or the conflicts, or the bytes. */
  readonly source: string | AsyncIterable<Uint8Array>;
  /** The file that the restore replaces. */
  readonly found: LocalFileInfo | undefined;
  /** Whether the ledger has another version by now than the one that the restore replaces. */
  hasNewVersion(): Promise<boolean>;
}

/**
 * Places an earlier version at its path, because a person decided so. Reading a large one takes
 * minutes. A file that comes to the path meanwhile is a save, which stays.
 *
 * @throws CHANGED if the file or its entry is another one by now; TRANSFER_FAILED if the bytes are
 *   not those of the version; what the disk and the source throw
 */
export async function placeVersion(
  location: SyncDirLocation,
  restored: RestoredVersion,
  options: PlaceOptions,
): Promise<void> {
  const { path, info, source, found } = restored;
  const target = resolveInDir(location, getPathInDir(location, path));
  const requireUnchanged = async (): Promise<void> => {
    if (await restored.hasNewVersion()) throw makeChangedError(path);
    const now = await location.disk.stat(target);
    if (now?.stamp !== found?.stamp) throw makeChangedError(path);
  };
  const isCopy = typeof source === 'string';
  const placed = isCopy ? await location.disk.stat(source) : { ...info, nanos: 0 };
  const resolver = keepSaves(options.resolver, found, placed);
  if (isCopy) await requireUnchanged();
  const resolved = isCopy
    ? await placeFile(location, path, source, resolver)
    : await placeBytes(location, path, info, source, {
        ...options,
        resolver,
        beforePlacing: requireUnchanged,
      });
  if (isBackAtPath(resolved)) throw makeChangedError(path);
}

/** Puts a file back that came after the last look, in place of the restored one. */
function keepSaves(
  resolver: ReplacedFileResolver,
  found: LocalFileInfo | undefined,
  placed: LocalFileInfo | undefined,
): ReplacedFileResolver {
  const keeping: ReplacedFileResolver = (path, replaced, by, hash) =>
    isSameFile(replaced, found)
      ? resolver(path, replaced, by, hash)
      : Promise.resolve(isSameFile(replaced, placed) ? 'trash' : 'put-back');
  keeping.onConflict = (kept) => {
    resolver.onConflict?.(kept);
  };
  return keeping;
}

function isSameFile(one: LocalFileInfo, other: LocalFileInfo | undefined): boolean {
  return one.size === other?.size && one.mtime === other.mtime && one.nanos === other.nanos;
}

export function makeChangedError(path: Path): SyncMediaError {
  return new SyncMediaError(
    'CHANGED',
    `${quotePath(path)} changed while its earlier version was restored: it stays as it is`,
  );
}
