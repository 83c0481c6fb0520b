import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { statOpen } from '../root/descriptor.js';
import { hashFrom } from '../root/local-disk.js';
import { readWhole, type OpenFile } from '../root/open-file.js';

export interface TagLimits {
  /** Files of up to so many bytes are read whole, hashed and sent from the same buffer. */
  readonly wholeBytes: number;
  /** How long a response waits until a larger file is hashed. Then it is sent without a tag. In milliseconds. */
  readonly waitMs: number;
  /** The same for a request that names a tag: the whole file may be spared. In milliseconds. */
  readonly namedWaitMs: number;
  /** How many large files may wait to be hashed. Further ones are sent without a tag. */
  readonly queue: number;
  /** How many tags are remembered. */
  readonly tags: number;
}

export const tagLimits: TagLimits = { wholeBytes: 256 * 1024, waitMs: 100, namedWaitMs: 5_000, queue: 64, tags: 20_000 };

/**
 * For so long after a change, a further change may leave no trace in the times of a file: the kernel's clock ticks every 10 ms at worst, and
 * some file systems keep whole seconds, or every second one. In milliseconds.
 */
const FINE_TICK_MS = 50, COARSE_TICK_MS = 2_500;

/** A file's ETag, where it is known, and its bytes, where they were read for it: the tag belongs to them, so they are what is sent. */
export interface Tagged { readonly tag?: string; readonly bytes?: Buffer }

/** Opens the file once more, for the hashing. The caller closes it. */
export type OpenAgain = () => Promise<OpenFile | undefined>;

export function makeTag(sha256: string): string {
  return `"${Buffer.from(sha256, 'hex').toString('base64url')}"`;
}

/**
 * ETags of files on this disk. A tag is the sha256 of the content, so it is the same on every host and differs for all other bytes.
 *
 * A tag is remembered by device, inode, size and both times in nanoseconds. A file that changed a moment ago is not remembered yet, as a
 * further change could leave these as they are. Large files are hashed one after the other, beside the requests for them.
 */
export class ContentTags {
  private readonly known = new Map<string, string>();
  private readonly hashing = new Map<string, Promise<string | undefined>>();
  private last: Promise<unknown> = Promise.resolve();
  private readonly ending = new AbortController();

  constructor(private readonly limits: TagLimits = tagLimits) {}

  /**
   * @param needsBytes whether the content will be sent if this is its tag; without it a small file whose tag is known is not read
   * @param namesTag whether the request names a tag, which may spare it the content or most of it
   * @throws what reading throws
   */
  async find(file: OpenFile, needsBytes: (tag: string) => boolean, openAgain: OpenAgain, namesTag = false): Promise<Tagged> {
    const stamp = stampOf(file.stats), known = this.recall(stamp);
    if (file.seen.size <= this.limits.wholeBytes) return known !== undefined && !needsBytes(known) ? { tag: known } : this.readSmall(file, stamp, known);
    if (known !== undefined) return { tag: known };
    const waiting = new AbortController();
    try {
      const late = sleep(namesTag ? this.limits.namedWaitMs : this.limits.waitMs, undefined, { signal: waiting.signal }).catch(() => undefined);
      const tag = await Promise.race([this.hashOnce(stamp, file.stats, openAgain), late]);
      return tag === undefined ? {} : { tag };
    } finally {
      waiting.abort();
    }
  }

  /** Breaks off the hashing that is under way, and waits until it has ended. */
  async close(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.hashing.values());
  }

  /** Where the file changes while it is read, it is sent without a tag. */
  private async readSmall(file: OpenFile, stamp: string, known: string | undefined): Promise<Tagged> {
    const isSettled = msUntilSettled(file.stats) === 0, read = await readWhole(file);
    if (!read) return {};
    // By all else it is the same: an open file stays one, and `readWhole` compares size and date.
    const isSame = read.stats.ctimeNs === file.stats.ctimeNs;
    if (isSame && known !== undefined) return { tag: known, bytes: read.bytes };
    const tag = makeTag(createHash('sha256').update(read.bytes).digest('hex'));
    if (isSame && isSettled) this.remember(stamp, tag);
    return { tag, bytes: read.bytes };
  }

  /** One hashing of one file, however many visitors ask. Never rejects: a request does not fail for want of a tag. */
  private hashOnce(stamp: string, stats: BigIntStats, openAgain: OpenAgain): Promise<string | undefined> {
    const before = this.hashing.get(stamp);
    if (before) return before;
    if (this.hashing.size >= this.limits.queue || this.ending.signal.aborted) return Promise.resolve(undefined);
    const hashing = this.hashInTurn(stamp, stats, openAgain).catch(() => undefined).finally(() => { this.hashing.delete(stamp); });
    this.hashing.set(stamp, hashing);
    return hashing;
  }

  private async hashInTurn(stamp: string, stats: BigIntStats, openAgain: OpenAgain): Promise<string | undefined> {
    // Most uploads are asked for right after they were written. A moment later a further change shows in the times.
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

  /** Forgets the tag that was asked for longest ago, where there are too many. */
  private remember(stamp: string, tag: string): void {
    this.known.delete(stamp);
    this.known.set(stamp, tag);
    if (this.known.size <= this.limits.tags) return;
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
  }
}

/** Differs for every file, and after every change to it but one of the same moment. */
function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${String(dev)} ${String(ino)} ${String(size)} ${String(mtimeNs)} ${String(ctimeNs)}`;
}

/** 0 where any further change shows in the times. */
function msUntilSettled({ ctimeNs, ctimeMs }: BigIntStats): number {
  const tick = ctimeNs % 1_000_000n === 0n ? COARSE_TICK_MS : FINE_TICK_MS;
  return Math.max(0, tick - (Date.now() - Number(ctimeMs)));
}
