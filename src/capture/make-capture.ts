import { randomUUID } from 'node:crypto';
import type { ResolvedPluginOptions } from '../options/plugin-options.js';
import type { Capture, Path, SavedBy } from '../words.js';
import type { Capturing } from './capturing.js';

export interface CaptureContent {
  readonly savedBy: SavedBy;
  readonly touched: readonly Path[];
  readonly left: readonly Path[];
  /** Whether everything the document names could be looked at; else the sync dirs are scanned at once. */
  readonly complete: boolean;
}

/** The capture of one operation; undefined where there is nothing to look at. Every capture owes a scan of its sync dirs. */
export function makeCapture(content: CaptureContent, { sweep, syncDirs }: ResolvedPluginOptions, { hostId, dueMs }: Capturing): Capture | undefined {
  const { savedBy, touched, left, complete } = content;
  if (touched.length === 0 && left.length === 0 && sweep === undefined) return undefined;
  const after = touched.length === 0 || !complete ? 0 : sweep;
  return {
    id: randomUUID(), host: hostId, dueAt: new Date(Date.now() + dueMs), savedBy, touched: [...touched], left: [...left],
    sweep: sweep === undefined || after === undefined ? [] : syncDirs.map((dir) => ({ dir, after })),
  };
}

/** What else the same operation touched, found after the first capture, which owes the scan already. */
export function makeFurtherCapture(first: CaptureContent, again: CaptureContent, options: ResolvedPluginOptions, capturing: Capturing): Capture | undefined {
  const touched = again.touched.filter((path) => !first.touched.includes(path));
  const left = again.left.filter((path) => !first.left.includes(path));
  return touched.length === 0 && left.length === 0 ? undefined
    : makeCapture({ ...again, touched, left }, { ...options, sweep: undefined }, capturing);
}
