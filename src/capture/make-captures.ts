import { Types } from 'mongoose';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Capture, HostId, Path, SavedBy, Unsynced } from '../words.js';
import type { Capturing } from './capturing.js';

/** What an operation did to the paths of one document; without `savedBy`: of several, or of one that is not known. */
export interface CaptureContent {
  readonly savedBy?: SavedBy | undefined;
  readonly touched: readonly Path[];
  /** What the document may name besides, of files that are not on this disk; not stored. */
  readonly absent?: readonly Path[];
  /** Files that it names and this host does not sync; not stored. */
  readonly unsynced?: readonly Unsynced[];
  /** No longer named, as far as is known. */
  readonly left: readonly Path[];
  /** Whether everything that may name a path could be looked at; else the sync dirs are scanned at once. */
  readonly complete: boolean;
}

/** A row stays far below MongoDB's 16 MiB. */
const maxPaths = 1_000;

/**
 * The rows of one operation: one per document that names something. The first owes the scan of the sync dirs, at once where
 * nothing is named or not everything could be looked at, unless the operation only takes away (`sweeps`).
 */
export function makeCaptures(contents: readonly CaptureContent[], { sweep, syncDirs }: Pick<ResolvedPluginOptions, 'sweep' | 'syncDirs'>, { hostId, dueMs }: Capturing, sweeps: boolean): Capture[] {
  const dueAt = new Date(Date.now() + dueMs);
  const rows = contents.flatMap(split).filter(({ touched, left }) => touched.length + left.length > 0);
  const owes = sweeps && sweep !== undefined;
  if (owes && rows.length === 0) rows.push({ savedBy: contents.length === 1 ? contents[0]?.savedBy : undefined, touched: [], left: [], complete: true });
  const after = contents.some(({ touched }) => touched.length > 0) && contents.every(({ complete }) => complete) ? sweep ?? 0 : 0;
  return rows.map(({ savedBy, touched, left }, index) => ({
    // Later ones are greater: an index takes these in at its end, and random ones anywhere.
    id: new Types.ObjectId().toHexString(), host: hostId, dueAt, ...(savedBy && { savedBy }), touched: [...touched], left: [...left],
    sweep: owes && index === 0 ? syncDirs.map((dir) => ({ dir, after })) : [],
  }));
}

/**
 * Makes a host look at a path where a landing left what it found there. It may have looked while the other bytes lay there, and
 * removed its own capture. Due at the epoch: the clock of that host may be behind.
 */
export function makeLook(host: HostId, path: Path): Capture {
  return { id: new Types.ObjectId().toHexString(), host, dueAt: new Date(0), touched: [path], left: [], sweep: [] };
}

/** Whether what is in the outbox already says all of `now`, with its saver, and claims of nothing that it was left. */
export function covers(stored: readonly CaptureContent[], now: readonly CaptureContent[]): boolean {
  const bySaver = new Map(stored.map((content) => [content.savedBy?.id, new Set(content.touched)]));
  const left = (contents: readonly CaptureContent[]): Set<Path> => new Set(contents.flatMap((content) => content.left));
  const [storedLeft, leftNow] = [left(stored), left(now)];
  return now.every(({ savedBy, touched }) => touched.every((path) => bySaver.get(savedBy?.id)?.has(path) === true))
    && storedLeft.size === leftNow.size && [...leftNow].every((path) => storedLeft.has(path))
    && (now.every(({ complete }) => complete) || !stored.every(({ complete }) => complete));
}

function split(content: CaptureContent): CaptureContent[] {
  const pieces: CaptureContent[] = [];
  const { touched, left } = content;
  for (let at = 0; at < Math.max(touched.length, left.length, 1); at += maxPaths) {
    pieces.push({ ...content, touched: touched.slice(at, at + maxPaths), left: left.slice(at, at + maxPaths) });
  }
  return pieces;
}
