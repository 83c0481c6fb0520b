import type { BigIntStats } from 'node:fs';
import type { Seen } from '../words.js';
import type { DiskStat } from './disk.js';

const SECOND = 1_000_000_000n;

/** What a stat says of a file. Seconds are rounded down, as the kernel does, also before 1970. */
export function seenFrom(stats: BigIntStats): Seen & { readonly stamp: string } {
  const nanos = ((stats.mtimeNs % SECOND) + SECOND) % SECOND;
  return { size: Number(stats.size), mtime: Number((stats.mtimeNs - nanos) / SECOND), nanos: Number(nanos), stamp: `${String(stats.ino)} ${String(stats.ctimeNs)}` };
}

/** The facts in what a look at a disk tells, with the stamp where it tells one. */
export function seenIn({ size, mtime, nanos, stamp }: DiskStat): Seen {
  return { size, mtime, nanos, ...(stamp === undefined ? {} : { stamp }) };
}
