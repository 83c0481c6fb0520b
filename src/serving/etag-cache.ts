import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { statOpen } from '../replica/descriptor.js';
import { hashFrom } from '../replica/node-disk.js';
import { readWhole, type OpenFile } from '../replica/open-file.js';

export interface TagLimits {
  /** Files of up to this size are read whole, hashed, and sent from the same buffer. In bytes. */
  readonly wholeBytes: number;
  /**
   * How long a response waits for the hash of a larger file. Then it is sent without a tag. In
   * milliseconds.
   */
  readonly waitMs: number;
  /**
   * The same for a request that names a tag: a match can save the whole transfer. In
   * milliseconds.
   */
  readonly namedWaitMs: number;
  /** How many large files may wait to be hashed. Responses for further ones have no tag. */
  readonly queue: number;
  /** How many tags are remembered. */
  readonly tags: number;
}

export const tagLimits: TagLimits = {
  wholeBytes: 256 * 1024,
  waitMs: 100,
  namedWaitMs: 5_000,
  queue: 64,
  tags: 20_000,
};

/**
 * How long after a change a further change may leave the times of a file as they are. The
 * kernel's clock ticks every 10 ms at worst. Some file systems keep whole seconds, or every
 * second one. In milliseconds.
 */
const FINE_TICK_MS = 50,
  COARSE_TICK_MS = 2_500;

/**
 * A file's ETag, if it is known, and its bytes, if they were read to compute the tag. The
 * response must send these very bytes, since the tag belongs to them.
 */
export interface Tagged {
  readonly tag?: string;
  readonly bytes?: Buffer;
}

/** Opens the file a second time, for hashing. The caller closes it. */
export type OpenAgain = () => Promise<OpenFile | undefined>;

export function makeTag(sha256: string): string {
  return `"${Buffer.from(sha256, 'hex').toString('base64url')}"`;
}

/**
 * Computes and caches the ETags of files on this disk. A tag is the sha256 of the content, so it
 * is the same on every host and differs for all other bytes.
 *
 * The cache key is device, inode, size, and both times in nanoseconds. A file that changed a
 * moment ago is not cached yet, because a further change could leave the key as it is. Large
 * files are hashed one after the other, beside the requests for them.
 */
export class ContentTags {
  private readonly known = new Map<string, string>();
  private readonly hashing = new Map<string, Promise<string | undefined>>();
  private last: Promise<unknown> = Promise.resolve();
  private readonly ending = new AbortController();

  constructor(private readonly limits: TagLimits = tagLimits) {}

  /**
   * @param needsBytes whether the response needs the content if this is its tag. If it does not,
   *   a small file whose tag is cached is not read.
   * @param namesTag whether the request names a tag, so that a match may save the transfer
   * @throws errors of reading the file
   */
  async find(
    file: OpenFile,
    needsBytes: (tag: string) => boolean,
    openAgain: OpenAgain,
    namesTag = false,
  ): Promise<Tagged> {
    const stamp = stampOf(file.stats),
      known = this.recall(stamp);
    if (file.seen.size <= this.limits.wholeBytes)
      return known !== undefined && !needsBytes(known)
        ? { tag: known }
        : this.readSmall(file, stamp, known);
    if (known !== undefined) return { tag: known };
    const waiting = new AbortController();
    try {
      const late = sleep(namesTag ? this.limits.namedWaitMs : this.limits.waitMs, undefined, {
        signal: waiting.signal,
      }).catch(() => undefined);
      const tag = await Promise.race([this.hashOnce(stamp, file.stats, openAgain), late]);
      return tag === undefined ? {} : { tag };
    } finally {
      waiting.abort();
    }
  }

  /** Aborts the current hashing and waits until it has ended. */
  async close(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.hashing.values());
  }

  /** Returns neither a tag nor bytes if size or mtime change during the read. */
  private async readSmall(
    file: OpenFile,
    stamp: string,
    known: string | undefined,
  ): Promise<Tagged> {
    const isSettled = msUntilSettled(file.stats) === 0,
      read = await readWhole(file);
    if (!read) return {};
    // `readWhole` has compared size and mtime, and an open file keeps its inode.
    const isSame = read.stats.ctimeNs === file.stats.ctimeNs;
    if (isSame && known !== undefined) return { tag: known, bytes: read.bytes };
    const tag = makeTag(createHash('sha256').update(read.bytes).digest('hex'));
    if (isSame && isSettled) this.remember(stamp, tag);
    return { tag, bytes: read.bytes };
  }

  /**
   * Hashes a file once, however many visitors ask. Never rejects: a request does not fail because
   * its tag is missing.
   */
  private hashOnce(
    stamp: string,
    stats: BigIntStats,
    openAgain: OpenAgain,
  ): Promise<string | undefined> {
    const before = this.hashing.get(stamp);
    if (before) return before;
    if (this.hashing.size >= this.limits.queue || this.ending.signal.aborted)
      return Promise.resolve(undefined);
    const hashing = this.hashInTurn(stamp, stats, openAgain)
      .catch(() => undefined)
      .finally(() => {
        this.hashing.delete(stamp);
      });
    this.hashing.set(stamp, hashing);
    return hashing;
  }

  private async hashInTurn(
    stamp: string,
    stats: BigIntStats,
    openAgain: OpenAgain,
  ): Promise<string | undefined> {
    // Most uploads are requested right after they were written. After this wait any further
    // change shows in the times.
    const ms = msUntilSettled(stats);
    if (ms > FINE_TICK_MS) return undefined;
    if (ms > 0) await sleep(ms, undefined, { signal: this.ending.signal });
    const turn = this.last.then(() => this.hash(stamp, openAgain));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async hash(stamp: string, openAgain: OpenAgain): Promise<string | undefined> {
    this.ending.signal.throwIfAborted();
    const file = await openAgain();
    if (!file) return undefined;
    try {
      if (stampOf(file.stats) !== stamp || msUntilSettled(file.stats) > 0) return undefined;
      const tag = makeTag(await hashFrom(file.handle, this.ending.signal));
      if (stampOf(statOpen(file.handle)) !== stamp) return undefined;
      this.remember(stamp, tag);
      return tag;
    } finally {
      await file.handle.close();
    }
  }

  private recall(stamp: string): string | undefined {
    const tag = this.known.get(stamp);
    if (tag !== undefined) this.remember(stamp, tag);
    return tag;
  }

  /** Caches a tag, and evicts the one that was used longest ago if there are too many. */
  private remember(stamp: string, tag: string): void {
    this.known.delete(stamp);
    this.known.set(stamp, tag);
    if (this.known.size <= this.limits.tags) return;
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
  }
}

/** Identifies a file and its content. Only changes at the same moment share a stamp. */
function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${String(dev)} ${String(ino)} ${String(size)} ${String(mtimeNs)} ${String(ctimeNs)}`;
}

/**
 * Milliseconds until any further change shows in the times of the file; 0 if it would show now.
 */
function msUntilSettled({ ctimeNs, ctimeMs }: BigIntStats): number {
  const tick = ctimeNs % 1_000_000n === 0n ? COARSE_TICK_MS : FINE_TICK_MS;
  return Math.max(0, tick - (Date.now() - Number(ctimeMs)));
}
