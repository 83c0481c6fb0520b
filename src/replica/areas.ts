import { randomBytes } from 'node:crypto';
import { SyncMediaError } from '../model/errors.js';
import type { Path } from '../model/path.js';
import type { Disk } from './disk.js';
import { OWN_FOLDER, quotePath } from './paths.js';

/** Where a sync dir lies: on this machine's disk or on another host's. */
export interface SyncDirLocation {
  readonly disk: Disk;
  /** Absolute path of the sync dir on that disk. */
  readonly dirPath: string;
  readonly dir: Path;
  /**
   * Files of up to this many bytes are hashed there. Default: any size. A remote disk has a
   * limit.
   */
  readonly hashLimit?: number;
  /** Set if the disk takes names that differ only by case as one name. */
  readonly ignoresCase?: boolean;
}

/**
 * The working folders of a sync dir, relative to it. They hold unfinished, replaced and
 * recoverable files, and lie on the file system of the synced files.
 */
export const areas = {
  own: OWN_FOLDER,
  /** Unfinished files, bounded by age. */
  tmp: `${OWN_FOLDER}/tmp`,
  /**
   * Files that a placement replaced or removed, until they are resolved: `<name>/<path below the
   * sync dir>`. Never cleaned.
   */
  replaced: `${OWN_FOLDER}/replaced`,
  /**
   * Versions that the ledger knows as superseded. Bounded by age and size; same layout as
   * `replaced`.
   */
  trash: `${OWN_FOLDER}/trash`,
  /** Files that only a person can decide on. Same layout as `replaced`. Never cleaned. */
  conflicts: `${OWN_FOLDER}/conflicts`,
  /** The received part of large files whose transfer was interrupted. */
  partial: `${OWN_FOLDER}/partial`,
  marker: `${OWN_FOLDER}/id`,
} as const;

/**
 * Makes a unique name that is safe on any file system. Names sort by creation time, by this
 * machine's clock.
 */
export function newName(): string {
  return `${Date.now().toString(36).padStart(9, '0')}-${randomBytes(8).toString('hex')}`;
}

/** Returns when `newName` made this name, in milliseconds; undefined for any other name. */
export function parseNameTime(name: string): number | undefined {
  return /^[0-9a-z]{9}-[0-9a-f]{16}$/.test(name) ? parseInt(name.slice(0, 9), 36) : undefined;
}

/** Returns the absolute path of `rest`, which is relative to the sync dir. */
export function resolveInDir(location: SyncDirLocation, rest: string): string {
  return `${location.dirPath}/${rest}`;
}

/**
 * Makes the working folders, which only their owner may enter.
 *
 * @throws NO_MARKER if the sync dir itself is missing
 */
export async function prepareAreas(location: SyncDirLocation): Promise<void> {
  for (const folder of [
    areas.own,
    areas.tmp,
    areas.replaced,
    areas.trash,
    areas.conflicts,
    areas.partial,
  ]) {
    if (await location.disk.makeDirectory(resolveInDir(location, folder), 0o700)) {
      await location.disk.restoreOwnPermissions?.(resolveInDir(location, folder));
      continue;
    }
    throw new SyncMediaError(
      'NO_MARKER',
      `The sync dir ${quotePath(location.dirPath)} is missing: mount it, or create it and run ` +
        `\`syncmedia init\`.`,
    );
  }
}

/**
 * Makes the working folders if one is missing. A check takes one round trip, making them takes a
 * dozen.
 */
export async function prepareMissingAreas(location: SyncDirLocation): Promise<void> {
  if (await lacksAreas(location)) await prepareAreas(location);
}

/** Whether a working folder is missing. Makes none. */
export async function lacksAreas(location: SyncDirLocation): Promise<boolean> {
  const found = await Promise.all(
    [areas.tmp, areas.replaced, areas.trash, areas.conflicts, areas.partial].map((area) =>
      location.disk.stat(resolveInDir(location, area)),
    ),
  );
  return found.includes(undefined);
}

/**
 * Returns milliseconds since the epoch by the clock of that disk. Ages are computed with it,
 * because this machine's clock may differ.
 */
export async function readDiskClock(location: SyncDirLocation): Promise<number> {
  const probe = resolveInDir(location, `${areas.tmp}/${newName()}`);
  await location.disk.writeNew(probe, new Uint8Array(0), 0o600);
  try {
    const stat = await location.disk.stat(probe);
    return stat === undefined ? 0 : toMilliseconds(stat);
  } finally {
    await location.disk.remove(probe);
  }
}

/** Returns an mtime in milliseconds. */
export function toMilliseconds({ mtime, nanos }: { mtime: number; nanos: number }): number {
  return mtime * 1000 + nanos / 1e6;
}
