import type { BigIntStats } from 'node:fs';
import type { Seen } from '../words.js';

const SECOND = 1_000_000_000n;

/** What a stat says of a file. Seconds are rounded down, as the kernel does, also before 1970. */
export function seenFrom(stats: BigIntStats): Seen & { readonly stamp: string } {
  const nanos = ((stats.mtimeNs % SECOND) + SECOND) % SECOND;
  return { size: Number(stats.size), mtime: Number((stats.mtimeNs - nanos) / SECOND), nanos: Number(nanos), stamp: `${String(stats.ino)} ${String(stats.ctimeNs)}` };
}
