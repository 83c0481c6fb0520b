import { randomBytes } from 'node:crypto';
import { SyncMediaError } from '../errors/errors.js';
import type { Path } from '../words.js';
import type { Disk } from './disk.js';
import { OWN_FOLDER, quotePath } from './paths.js';

/** A sync dir where it lies: on this disk, or another host's. */
export interface Place {
  readonly disk: Disk;
  /** Absolute path of the sync dir on that disk. */
  readonly dirPath: string;
  readonly dir: Path;
  /** Bytes up to which a file is hashed there. Default: any; a disk behind a network is given one. */
  readonly hashLimit?: number;
  /** The disk takes names that differ only by case for one. */
  readonly ignoresCase?: boolean;
}

/** Where everything unfinished or set aside lies, relative to the sync dir, on the same file system as its files. */
export const areas = {
  own: OWN_FOLDER,
  /** Unfinished files, bounded by age. */
  tmp: `${OWN_FOLDER}/tmp`,
  /** What a landing replaced or removed, until it is judged: `<name>/<path below the sync dir>`. Never cleaned. */
  aside: `${OWN_FOLDER}/aside`,
  /** Versions the ledger knows to be over, bounded by age and size; laid out as aside. */
  trash: `${OWN_FOLDER}/trash`,
  /** What nobody but a person can decide on; laid out as aside. Never cleaned. */
  conflicts: `${OWN_FOLDER}/conflicts`,
  /** What rsync received of large files before it was interrupted. */
  partial: `${OWN_FOLDER}/partial`,
  marker: `${OWN_FOLDER}/id`,
} as const;

/** A name that nobody else makes: sorted by the time it was made (by the maker's clock), safe in any file system. */
export function newName(): string {
  return `${Date.now().toString(36).padStart(9, '0')}-${randomBytes(8).toString('hex')}`;
}

/** When a name of newName's was made, in milliseconds; undefined for any other name. */
export function timeOfName(name: string): number | undefined {
  return /^[0-9a-z]{9}-[0-9a-f]{16}$/.test(name) ? parseInt(name.slice(0, 9), 36) : undefined;
}

/** The path that `rest` below the sync dir of `place` has there. */
export function inPlace(place: Place, rest: string): string {
  return `${place.dirPath}/${rest}`;
}

/** Makes the working folders, which only their owner may enter. @throws NO_MARKER where the sync dir itself is missing */
export async function prepareAreas(place: Place): Promise<void> {
  for (const folder of [areas.own, areas.tmp, areas.aside, areas.trash, areas.conflicts, areas.partial]) {
    if (await place.disk.makeDirectory(inPlace(place, folder), 0o700)) {
      await place.disk.openOwn?.(inPlace(place, folder));
      continue;
    }
    throw new SyncMediaError('NO_MARKER', `The sync dir ${quotePath(place.dirPath)} is missing: mount it, or create it and run \`syncmedia init\`.`);
  }
}

/** The same where most of the time they are there: that is found in one round trip, and making them takes a dozen. */
export async function prepareMissing(place: Place): Promise<void> {
  if (await lacksAreas(place)) await prepareAreas(place);
}

/** Whether a working folder is missing; makes none. */
export async function lacksAreas(place: Place): Promise<boolean> {
  const found = await Promise.all([areas.tmp, areas.aside, areas.trash, areas.conflicts, areas.partial].map((area) => place.disk.stat(inPlace(place, area))));
  return found.includes(undefined);
}

/** Milliseconds since the epoch by the clock of that disk, which ages are told by: ours may differ. */
export async function readClock(place: Place): Promise<number> {
  const probe = inPlace(place, `${areas.tmp}/${newName()}`);
  await place.disk.writeNew(probe, new Uint8Array(0), 0o600);
  try {
    const seen = await place.disk.stat(probe);
    return seen === undefined ? 0 : timeOf(seen);
  } finally {
    await place.disk.remove(probe);
  }
}

/** An mtime in milliseconds. */
export function timeOf({ mtime, nanos }: { mtime: number; nanos: number }): number {
  return mtime * 1000 + nanos / 1e6;
}
