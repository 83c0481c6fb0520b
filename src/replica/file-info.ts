import type { BigIntStats } from 'node:fs';
import type { LocalFileInfo } from '../model/file.js';
import type { DiskStat } from './disk.js';

const SECOND = 1_000_000_000n;

/** Converts stats to file info. Seconds are rounded down like in the kernel, also before 1970. */
export function toLocalFileInfo(stats: BigIntStats): LocalFileInfo & { readonly stamp: string } {
  const nanos = ((stats.mtimeNs % SECOND) + SECOND) % SECOND;
  return {
    size: Number(stats.size),
    mtime: Number((stats.mtimeNs - nanos) / SECOND),
    nanos: Number(nanos),
    stamp: `${String(stats.ino)} ${String(stats.ctimeNs)}`,
  };
}

/** Picks the file info from a disk stat, with the stamp if there is one. */
export function pickLocalFileInfo({ size, mtime, nanos, stamp }: DiskStat): LocalFileInfo {
  return { size, mtime, nanos, ...(stamp === undefined ? {} : { stamp }) };
}
