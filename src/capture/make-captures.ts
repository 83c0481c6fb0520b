import { Types } from 'mongoose';
import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import type { Capture, DocumentRef, UnsyncedFile } from '../model/capture.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import { getAuthor } from './author.js';
import type { CaptureContext } from './capturing.js';

/**
 * How an operation changed the paths of one document. Without `savedBy`, of several documents or
 * an unknown one.
 */
export interface CaptureContent {
  readonly savedBy?: DocumentRef | undefined;
  readonly touched: readonly Path[];
  /** Other paths that the document may name, of files that are not on this disk. Not stored. */
  readonly absent?: readonly Path[];
  /** Files that the document names and this host does not sync. Not stored. */
  readonly unsynced?: readonly UnsyncedFile[];
  /** Paths that the document no longer names, as far as is known. */
  readonly unreferenced: readonly Path[];
  /**
   * Whether every string that may name a path was checked. If not, the sync dirs are scanned at
   * once.
   */
  readonly complete: boolean;
  /**
   * Whether each touched file was written a moment ago, so that a scan finds it, too. Not stored.
   */
  readonly areFresh?: boolean;
}

/** It keeps a row far below MongoDB's limit of 16 MiB. */
const maxPaths = 1_000;

/**
 * The rows of one operation, one per document that names something. The first row requests the
 * scan of the sync dirs. The scan is due at once if no file is named or not every string was
 * checked. An operation that only removes documents needs no scan (`rescans`).
 */
export function makeCaptures(
  contents: readonly CaptureContent[],
  { rescan, syncDirs }: Pick<ResolvedPluginOptions, 'rescan' | 'syncDirs'>,
  { hostId, dueMs }: CaptureContext,
  rescans: boolean,
): Capture[] {
  const dueAt = new Date(Date.now() + dueMs);
  const rows = contents
    .flatMap(splitContent)
    .filter(({ touched, unreferenced }) => touched.length + unreferenced.length > 0);
  const requestsRescan = rescans && rescan !== undefined;
  if (requestsRescan && rows.length === 0)
    rows.push({
      savedBy: contents.length === 1 ? contents[0]?.savedBy : undefined,
      touched: [],
      unreferenced: [],
      complete: true,
    });
  const after =
    contents.some(({ touched }) => touched.length > 0) && contents.every(({ complete }) => complete)
      ? (rescan ?? 0)
      : 0;
  const author = getAuthor();
  return rows.map(({ savedBy, touched, unreferenced }, index) => ({
    // Ids grow with time, so an index adds them at its end instead of at random places.
    id: new Types.ObjectId().toHexString(),
    host: hostId,
    dueAt,
    ...(savedBy && { savedBy }),
    ...(author !== undefined && { author }),
    touched: [...touched],
    unreferenced: [...unreferenced],
    rescan: requestsRescan && index === 0 ? syncDirs.map((dir) => ({ dir, after })) : [],
  }));
}

/**
 * Makes a host check a path at which a delivery left the host's own file. The host may have
 * processed its own capture while the other bytes lay there. The capture is due at the epoch,
 * because the clock of that host may be behind.
 */
export function makeRecheckCapture(host: HostId, path: Path): Capture {
  return {
    id: new Types.ObjectId().toHexString(),
    host,
    dueAt: new Date(0),
    touched: [path],
    unreferenced: [],
    rescan: [],
  };
}

/**
 * Whether the stored captures already say all of `now`, with the same documents, and claim no
 * other path as unreferenced.
 */
export function coversContents(
  stored: readonly CaptureContent[],
  now: readonly CaptureContent[],
): boolean {
  const bySaver = new Map(stored.map((content) => [content.savedBy?.id, new Set(content.touched)]));
  const unreferenced = (contents: readonly CaptureContent[]): Set<Path> =>
    new Set(contents.flatMap((content) => content.unreferenced));
  const [storedUnreferenced, unreferencedNow] = [unreferenced(stored), unreferenced(now)];
  return (
    now.every(({ savedBy, touched }) =>
      touched.every((path) => bySaver.get(savedBy?.id)?.has(path) === true),
    ) &&
    storedUnreferenced.size === unreferencedNow.size &&
    [...unreferencedNow].every((path) => storedUnreferenced.has(path)) &&
    (now.every(({ complete }) => complete) || !stored.every(({ complete }) => complete))
  );
}

function splitContent(content: CaptureContent): CaptureContent[] {
  const pieces: CaptureContent[] = [];
  const { touched, unreferenced } = content;
  for (let at = 0; at < Math.max(touched.length, unreferenced.length, 1); at += maxPaths) {
    pieces.push({
      ...content,
      touched: touched.slice(at, at + maxPaths),
      unreferenced: unreferenced.slice(at, at + maxPaths),
    });
  }
  return pieces;
}
