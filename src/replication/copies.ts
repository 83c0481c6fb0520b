import { hasErrorCode, SyncMediaError } from '../model/errors.js';
import type { HostContext } from '../context/host-context.js';
import {
  countCopies,
  describeCopies,
  hasEnoughCopies,
  type Copies,
  type FileCopies,
} from '../decisions/copies.js';
import type { Capture } from '../model/capture.js';
import type { Entry } from '../model/entry.js';
import type { Path } from '../model/path.js';
import { withTimeout } from '../util/with-timeout.js';

export interface CopiesRequest {
  readonly paths: readonly Path[];
  /**
   * Paths that may be meant as well. Those that are files of other hosts, as the ledger says, are
   * waited for too.
   */
  readonly absent?: readonly Path[];
  /** Files that no wait can help: once the others are held, the wait fails. */
  readonly unkept?: readonly FileCopies[];
  /** Captures to process first: until then the ledger describes the files from before. */
  readonly captures: readonly Pick<Capture, 'id' | 'host'>[];
  readonly copies: Copies;
  readonly timeoutMs: number;
  /**
   * Whether a path without an entry is waited for. Otherwise it does not count as a file once the
   * captures are processed.
   */
  readonly expected: boolean;
}

interface CopiesWaiter extends Required<Omit<CopiesRequest, 'paths' | 'absent'>> {
  paths: readonly Path[];
  /** Paths that no query has asked about yet. */
  absent: readonly Path[];
  readonly until: number;
  end(files: FileCopies[]): void;
  fail(error: unknown): void;
}

/** The most paths of all waits together, absent ones included; no more are waited for. */
const pathLimit = 20_000;
/**
 * How often the database is queried. The first query comes soon, because a delivery takes a few
 * milliseconds.
 */
const firstMs = 5,
  longestMs = 250,
  growth = 1.4;
/** How long the last query may take after the deadline. */
const databaseMs = 1_000;

/** `MEDIA_COPIES_TIMEOUT`: lists the files, which hosts hold them, which do not and why. */
export class CopiesTimeout extends SyncMediaError {
  /** @param timeoutMs how long the wait took; 0: no wait would help */
  constructor(
    readonly files: readonly FileCopies[],
    timeoutMs: number,
  ) {
    const what =
      files.every(({ unsyncedReason: unkept }) => unkept !== undefined) || timeoutMs === 0
        ? 'not enough hosts hold the saved files'
        : `after ${String(timeoutMs)} ms not enough hosts hold the saved files; they are still ` +
          `being delivered`;
    super('MEDIA_COPIES_TIMEOUT', `${what}. ${describeCopies(files)}`);
  }
}

/**
 * Waits until enough hosts hold files. It asks the ledger with one query for all waits, so it
 * works in every process of a host. An acknowledgement in this process only makes it faster.
 */
export class CopiesWatch {
  private readonly waiters = new Set<CopiesWaiter>();
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> | undefined;
  private pauseMs = firstMs;
  private readonly unsubscribe: () => void;
  private closed = false;

  constructor(
    private readonly context: Pick<HostContext, 'events' | 'ledger' | 'outbox' | 'registry'>,
  ) {
    this.unsubscribe = context.events.on('acknowledged', () => {
      this.checkSoon();
    });
  }

  /** @throws CopiesTimeout; CLOSED; the database's error when the time is over */
  async wait(request: CopiesRequest): Promise<FileCopies[]> {
    if (this.closed) throw new SyncMediaError('CLOSED', 'this instance was closed');
    const { unkept = [] } = request;
    let { absent = [] } = request;
    const isTooMuch = (): boolean =>
      this.countPaths() + request.paths.length + absent.length > pathLimit;
    if (absent.length > 0 && isTooMuch()) absent = await this.keepFiles(absent, request);
    if (request.paths.length + absent.length === 0) {
      if (unkept.length > 0) throw new CopiesTimeout(unkept, 0);
      return [];
    }
    if (isTooMuch()) throw this.makeTimeout({ ...request, timeoutMs: 0 });
    let last: NodeJS.Timeout | undefined;
    try {
      return await new Promise<FileCopies[]>((resolve, reject) => {
        const waiter: CopiesWaiter = {
          ...request,
          absent,
          unkept,
          until: performance.now() + request.timeoutMs,
          end: resolve,
          fail: reject,
        };
        this.waiters.add(waiter);
        // A database that does not answer must not delay the save.
        last = setTimeout(() => {
          this.finish(waiter, () => {
            reject(this.makeTimeout(request));
          });
        }, request.timeoutMs + databaseMs);
        this.pauseMs = firstMs;
        this.checkSoon();
      });
    } finally {
      clearTimeout(last);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.unsubscribe();
    clearTimeout(this.timer);
    for (const waiter of this.waiters)
      waiter.fail(new SyncMediaError('CLOSED', 'this instance was closed'));
    this.waiters.clear();
    await this.checking;
  }

  /**
   * Finds which paths without a file here are files elsewhere. Texts of many documents may look
   * like very many paths that no host has, and those must not use up the limit.
   */
  private async keepFiles(absent: readonly Path[], request: CopiesRequest): Promise<Path[]> {
    const reading = this.context.ledger.readMany(absent);
    try {
      const entries = await withTimeout(reading, request.timeoutMs + databaseMs, 'the database');
      return absent.filter((path) => entries.get(path)?.kind === 'file');
    } catch (error) {
      throw hasErrorCode(error, 'TIMED_OUT') ? this.makeTimeout(request) : error;
    }
  }

  private countPaths(): number {
    let count = 0;
    for (const { paths, absent } of this.waiters) count += paths.length + absent.length;
    return count;
  }

  /** Nothing is known about these files except that somebody waited for them. */
  private makeTimeout({ paths, copies, timeoutMs, unkept = [] }: CopiesRequest): CopiesTimeout {
    return new CopiesTimeout(
      [
        ...paths.map((path) => countCopies(path, undefined, this.context.registry.all(), copies)),
        ...unkept,
      ],
      timeoutMs,
    );
  }

  private checkSoon(): void {
    if (this.waiters.size === 0 || this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.check();
    }, firstMs);
  }

  private check(): void {
    this.checking ??= this.checkAll().finally(() => {
      this.checking = undefined;
      if (this.waiters.size === 0 || this.closed) return;
      this.pauseMs = Math.min(longestMs, this.pauseMs * growth);
      const soonest = Math.min(...[...this.waiters].map(({ until }) => until)) - performance.now();
      clearTimeout(this.timer);
      this.timer = setTimeout(
        () => {
          this.check();
        },
        Math.max(1, Math.min(this.pauseMs, soonest)),
      );
    });
  }

  private async checkAll(): Promise<void> {
    const waiters = [...this.waiters];
    const { context } = this;
    const late = (waiter: CopiesWaiter): boolean => performance.now() >= waiter.until;
    try {
      // Captures are read first: a path is in the ledger before its capture is removed.
      const stored = await context.outbox.findStored(
        waiters.flatMap(({ captures }) => captures.map(({ id }) => id)),
      );
      const entries = await context.ledger.readMany([
        ...new Set(waiters.flatMap(({ paths, absent }) => [...paths, ...absent])),
      ]);
      for (const waiter of waiters) {
        waiter.paths = [
          ...waiter.paths,
          ...waiter.absent.filter((path) => entries.get(path)?.kind === 'file'),
        ];
        waiter.absent = [];
      }
      if (waiters.some(late)) await context.registry.refresh();
      for (const waiter of waiters)
        this.decideWaiter(
          waiter,
          waiter.captures.filter(({ id }) => stored.has(id)),
          entries,
          late(waiter),
        );
    } catch (error) {
      for (const waiter of waiters)
        if (late(waiter))
          this.finish(waiter, () => {
            waiter.fail(error);
          });
    }
  }

  /** @param pending the waiter's captures that are not processed yet */
  private decideWaiter(
    waiter: CopiesWaiter,
    pending: CopiesRequest['captures'],
    entries: ReadonlyMap<Path, Entry>,
    isLate: boolean,
  ): void {
    const { paths, copies, expected, timeoutMs, unkept } = waiter;
    const isPending = pending.length > 0,
      hosts = this.context.registry.all();
    const capturedOn = hosts.filter(({ id }) => pending.some(({ host }) => host === id));
    const concerned = paths.filter((path) => {
      const entry = entries.get(path);
      return entry === undefined ? expected || isPending : entry.kind === 'file';
    });
    const files = concerned.map((path) =>
      countCopies(path, isPending ? { capturedOn } : entries.get(path), hosts, copies),
    );
    const areHeld = !isPending && files.every(hasEnoughCopies);
    if (areHeld && unkept.length === 0)
      this.finish(waiter, () => {
        waiter.end(files);
      });
    else if (areHeld || isLate)
      this.finish(waiter, () => {
        waiter.fail(new CopiesTimeout([...files, ...unkept], areHeld ? 0 : timeoutMs));
      });
  }

  private finish(waiter: CopiesWaiter, finish: () => void): void {
    if (this.waiters.delete(waiter)) finish();
  }
}
