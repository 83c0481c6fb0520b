import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { statOpen } from '../replica/descriptor.js';
import { hashOpenFile } from '../replica/node-disk.js';
import { readOpenFile, type OpenFile } from '../replica/open-file.js';

export interface ETagLimits {
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

export const defaultETagLimits: ETagLimits = {
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
export interface TaggedContent {
  readonly tag?: string;
  readonly bytes?: Buffer;
}

/** Opens the file a second time, for hashing. The caller closes it. */
type ReopenFile = () => Promise<OpenFile | undefined>;

export function makeETag(sha256: string): string {
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
export class ETagCache {
  private readonly cachedTags = new Map<string, string>();
  private readonly pendingHashes = new Map<string, Promise<string | undefined>>();
  private lastHash: Promise<unknown> = Promise.resolve();
  private readonly closing = new AbortController();

  constructor(private readonly limits: ETagLimits = defaultETagLimits) {}

  /**
   * @param needsBytes whether the response needs the content if this is its tag. If it does not,
   *   a small file whose tag is cached is not read.
   * @param namesTag whether the request names a tag, so that a match may save the transfer
   * @throws errors of reading the file
   */
  async getOrComputeTag(
    file: OpenFile,
    needsBytes: (tag: string) => boolean,
    reopenFile: ReopenFile,
    namesTag = false,
  ): Promise<TaggedContent> {
    const cacheKey = makeCacheKey(file.stats),
      cached = this.recallTag(cacheKey);
    if (file.info.size <= this.limits.wholeBytes)
      return cached !== undefined && !needsBytes(cached)
        ? { tag: cached }
        : this.readSmall(file, cacheKey, cached);
    if (cached !== undefined) return { tag: cached };
    const waiting = new AbortController();
    try {
      const timeout = sleep(namesTag ? this.limits.namedWaitMs : this.limits.waitMs, undefined, {
        signal: waiting.signal,
      }).catch(() => undefined);
      const tag = await Promise.race([this.hashOnce(cacheKey, file.stats, reopenFile), timeout]);
      return tag === undefined ? {} : { tag };
    } finally {
      waiting.abort();
    }
  }

  /** Aborts the current hashing and waits until it has ended. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.pendingHashes.values());
  }

  /** Returns neither a tag nor bytes if size or mtime change during the read. */
  private async readSmall(
    file: OpenFile,
    cacheKey: string,
    cached: string | undefined,
  ): Promise<TaggedContent> {
    const isStable = msUntilStable(file.stats) === 0,
      content = await readOpenFile(file);
    if (!content) return {};
    // `readOpenFile` has compared size and mtime, and an open file keeps its inode.
    const isSame = content.stats.ctimeNs === file.stats.ctimeNs;
    if (isSame && cached !== undefined) return { tag: cached, bytes: content.bytes };
    const tag = makeETag(createHash('sha256').update(content.bytes).digest('hex'));
    if (isSame && isStable) this.cacheTag(cacheKey, tag);
    return { tag, bytes: content.bytes };
  }

  /**
   * Hashes a file once, however many visitors ask. Never rejects: a request does not fail because
   * its tag is missing.
   */
  private hashOnce(
    cacheKey: string,
    stats: BigIntStats,
    reopenFile: ReopenFile,
  ): Promise<string | undefined> {
    const pending = this.pendingHashes.get(cacheKey);
    if (pending) return pending;
    if (this.pendingHashes.size >= this.limits.queue || this.closing.signal.aborted)
      return Promise.resolve(undefined);
    const hashing = this.hashInTurn(cacheKey, stats, reopenFile)
      .catch(() => undefined)
      .finally(() => {
        this.pendingHashes.delete(cacheKey);
      });
    this.pendingHashes.set(cacheKey, hashing);
    return hashing;
  }

  private async hashInTurn(
    cacheKey: string,
    stats: BigIntStats,
    reopenFile: ReopenFile,
  ): Promise<string | undefined> {
    // Most uploads are requested right after they were written. After this wait any further
    // change shows in the times.
    const ms = msUntilStable(stats);
    if (ms > FINE_TICK_MS) return undefined;
    if (ms > 0) await sleep(ms, undefined, { signal: this.closing.signal });
    const turn = this.lastHash.then(() => this.hashFile(cacheKey, reopenFile));
    this.lastHash = turn.catch(() => undefined);
    return turn;
  }

  private async hashFile(cacheKey: string, reopenFile: ReopenFile): Promise<string | undefined> {
    this.closing.signal.throwIfAborted();
    const file = await reopenFile();
    if (!file) return undefined;
    try {
      if (makeCacheKey(file.stats) !== cacheKey || msUntilStable(file.stats) > 0) return undefined;
      const tag = makeETag(await hashOpenFile(file.handle, this.closing.signal));
      if (makeCacheKey(statOpen(file.handle)) !== cacheKey) return undefined;
      this.cacheTag(cacheKey, tag);
      return tag;
    } finally {
      await file.handle.close();
    }
  }

  private recallTag(cacheKey: string): string | undefined {
    const tag = this.cachedTags.get(cacheKey);
    if (tag !== undefined) this.cacheTag(cacheKey, tag);
    return tag;
  }

  /** Caches a tag, and evicts the one that was used longest ago if there are too many. */
  private cacheTag(cacheKey: string, tag: string): void {
    this.cachedTags.delete(cacheKey);
    this.cachedTags.set(cacheKey, tag);
    if (this.cachedTags.size <= this.limits.tags) return;
    const [oldest] = this.cachedTags.keys();
    if (oldest !== undefined) this.cachedTags.delete(oldest);
  }
}

/** Identifies a file and its content. Only changes at the same moment share a stamp. */
function makeCacheKey({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${String(dev)} ${String(ino)} ${String(size)} ${String(mtimeNs)} ${String(ctimeNs)}`;
}

/**
 * Milliseconds until any further change shows in the times of the file; 0 if it would show now.
 */
function msUntilStable({ ctimeNs, ctimeMs }: BigIntStats): number {
  const tick = ctimeNs % 1_000_000n === 0n ? COARSE_TICK_MS : FINE_TICK_MS;
  return Math.max(0, tick - (Date.now() - Number(ctimeMs)));
}
