import type { EventBus } from '../model/events.js';
import type { Settler } from '../ledger/acknowledge.js';
import type { Known } from '../context/look-up.js';
import type { JudgeAt } from '../transport/options.js';
import { SyncMediaError } from '../model/errors.js';
import { quotePath } from '../replica/paths.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { Path } from '../model/words.js';
import { bounded } from '../util/with-timeout.js';
import { LookUps } from './look-up-batcher.js';
import {
  fileOf,
  Openings,
  type NotOpened,
  type Opened,
  type OpeningContext,
  type OpeningLimits,
} from './remote-file-opener.js';
import { openPlace, receive, type Receiver, type Receiving } from './receive-file.js';
import { isTooSlow, type PaceLimits } from './is-too-slow.js';
import { RecentFailures } from './recent-failures.js';
import type { Transfer } from './fetch-transfer.js';

export interface FetchContext extends Receiver, OpeningContext {
  readonly settler: Settler;
  readonly events: EventBus;
  readonly judgeAt: JudgeAt;
  /** Reads the captures and the ledger entry of each path. */
  lookUp(paths: readonly Path[]): Promise<(path: Path) => Known>;
  dirs(): SyncDirs;
  /** Requests that this host checks a path. Resolves once the request is stored. */
  askToLook(path: Path): Promise<void>;
  /** Notifies the leader of this host that a file was received here. */
  landed(): Promise<void>;
}

/**
 * Limits on the work that visitors can cause, in milliseconds, counts and bytes. `answerMs` also
 * limits a look-up and the wait for a slot.
 */
export interface FetchLimits extends OpeningLimits, PaceLimits {
  /** How many paths one database call looks up, and how many look-ups may wait. */
  readonly lookUpBatch: number;
  readonly lookUpQueue: number;
  /** How long a failed fetch is remembered, and for how many files. */
  readonly failureMs: number;
  readonly failures: number;
}

export const fetchLimits: FetchLimits = {
  fetches: 64,
  fetchesOfSource: 16,
  fetchQueue: 256,
  graceMs: 10_000,
  bytesPerSecond: 8 * 1024,
  unreadBytesPerSecond: 256 * 1024,
  lookUpBatch: 500,
  lookUpQueue: 4_096,
  fileBytes: 2 * 1024 ** 3,
  failureMs: 1_000,
  failures: 4_096,
  answerMs: 5_000,
  shunMs: 30_000,
};

/**
 * The result of a request for a missing file. here: the file has arrived on this disk meanwhile;
 * unknown: no host has it; unavailable: a host may have it, but none delivered it.
 */
export type Found =
  | { readonly is: 'coming'; readonly transfer: Transfer }
  | { readonly is: 'here' }
  | { readonly is: 'unknown' }
  | { readonly is: 'unavailable' };

interface Started {
  readonly opened: Opened;
  readonly receiving: Receiving;
}

/**
 * The shortest interval between events about a failing database, which fails for every visitor.
 * In milliseconds.
 */
const tellMs = 1_000;
/** The interval between checks of a fetch's speed. In milliseconds. */
const paceMs = 1_000;

/**
 * Fetches files that this host lacks from hosts that have them. All visitors who request the same
 * file share one fetch.
 *
 * A file of a holder is placed at its path, and this host holds it from then on. A file that is
 * captured but not reconciled yet is only passed on to the visitors. If it were placed before its
 * version exists, a scan of this host would take it for a new upload and make another version.
 * The delivery that follows brings it to this host.
 */
export class Fetching {
  private readonly underWay = new Map<
    string,
    { readonly begun: number; readonly found: Promise<Found> }
  >();
  private readonly finishing = new Set<Promise<void>>();
  private readonly failures: RecentFailures;
  private readonly lookUps: LookUps;
  private readonly openings: Openings;
  private readonly ending = new AbortController();
  /** Numbers requests and fetches in the order in which they began. */
  private turn = 0;
  private toldAt = -Infinity;

  constructor(
    private readonly context: FetchContext,
    private readonly limits: FetchLimits = fetchLimits,
  ) {
    this.failures = new RecentFailures(limits.failureMs, limits.failures);
    this.lookUps = new LookUps((paths) => context.lookUp(paths), limits);
    this.openings = new Openings(context, limits, this.ending.signal);
  }

  /** Never rejects: failures are reported as events. */
  async find(path: Path): Promise<Found> {
    const asked = this.turn++;
    if (this.ending.signal.aborted) return { is: 'unavailable' };
    let known: Known | undefined;
    try {
      known = await this.lookUp(path);
    } catch (error) {
      if (performance.now() - this.toldAt > tellMs) this.tellFailed(path, error);
      return { is: 'unavailable' };
    }
    if (!known) return { is: 'unavailable' };
    if (known.captured.length === 0 && !fileOf(known)) return { is: 'unknown' };
    return this.share(path, known, asked);
  }

  /** Aborts all fetches and waits until they have ended. */
  async close(): Promise<void> {
    this.ending.abort();
    await Promise.allSettled([...this.underWay.values()].map(({ found }) => found));
    await Promise.allSettled(this.finishing);
  }

  private lookUp(path: Path): Promise<Known | undefined> {
    return bounded(this.lookUps.find(path), this.limits.answerMs, 'the database');
  }

  /** Joins a fetch of the same key that is under way, or begins one. */
  private async share(path: Path, known: Known, asked: number): Promise<Found> {
    const key = keyOf(path, known);
    if (this.failures.has(key)) return { is: 'unavailable' };
    for (let before = this.underWay.get(key); before; before = this.underWay.get(key)) {
      const found = await before.found;
      if (found.is === 'coming' && found.transfer.isOver) this.end(key, before.begun);
      // A fetch that began before this request may have asked the hosts before they had the file.
      else if (found.is !== 'unknown' || before.begun > asked) return found;
    }
    const begun = this.turn++;
    const found = this.begin(path, known, key, begun);
    this.underWay.set(key, { begun, found });
    return found;
  }

  /**
   * Never rejects. Other requests can join the fetch until it fails, or until its transfer has
   * ended.
   */
  private async begin(path: Path, known: Known, key: string, begun: number): Promise<Found> {
    const end = (): void => {
      this.end(key, begun);
    };
    const started = await this.start(path, known, key);
    if (typeof started === 'string') {
      end();
      if (started === 'unavailable') this.failures.add(key);
      // `gone` and `busy` are not remembered: an upload may complete, or a slot become free, at
      // any moment.
      return { is: started === 'gone' ? 'unknown' : started === 'here' ? 'here' : 'unavailable' };
    }
    const finishing = this.finish(path, started, key)
      .catch((error: unknown) => {
        this.tellFailed(path, error);
      })
      .finally(() => {
        end();
        this.finishing.delete(finishing);
      });
    this.finishing.add(finishing);
    return { is: 'coming', transfer: started.receiving.transfer };
  }

  /**
   * Removes this fetch, so that nobody joins it any more. A newer fetch of the same key stays.
   */
  private end(key: string, begun: number): void {
    if (this.underWay.get(key)?.begun === begun) this.underWay.delete(key);
  }

  private async start(
    path: Path,
    known: Known,
    key: string,
  ): Promise<Started | NotOpened | 'here'> {
    const { context } = this;
    try {
      // A delivery may have placed the file during the look-up.
      if (await context.root.observe(path).catch(() => undefined)) return 'here';
      const dir = context.dirs().of(path);
      if (!dir) return 'gone';
      const place = await openPlace(context.root, dir);
      const opened = await this.open(path, known, key);
      if (typeof opened === 'string') return opened;
      try {
        return {
          opened,
          receiving: await receive(context, place, { path, facts: opened.facts }, opened.body),
        };
      } catch (error) {
        opened.stop();
        throw error;
      }
    } catch (error) {
      this.tellFailed(path, error);
      return 'unavailable';
    }
  }

  /**
   * If no host delivers the file, looks it up again and retries once if its state has changed
   * meanwhile.
   */
  private async open(path: Path, known: Known, key: string): Promise<Opened | NotOpened> {
    const opened = await this.openings.open(path, known);
    if (typeof opened !== 'string' || this.ending.signal.aborted) return opened;
    const now = await this.lookUp(path);
    return now === undefined || keyOf(path, now) === key ? opened : this.openings.open(path, now);
  }

  private async finish(
    path: Path,
    { opened: { host, version, began, stop }, receiving }: Started,
    key: string,
  ): Promise<void> {
    const { context } = this,
      { transfer } = receiving;
    let broken: SyncMediaError | undefined,
      isUnread = false;
    const breakOff = (error: SyncMediaError): void => {
      broken = error;
      isUnread = !transfer.isRead;
      transfer.fail(error);
      stop();
    };
    // This file is not placed here, so without readers nobody needs the rest.
    if (version === undefined)
      transfer.onUnread = () => {
        breakOff(new SyncMediaError('CANCELLED', 'Nobody reads it any more.'));
      };
    const pacing = setInterval(() => {
      const fetched = {
        bytes: transfer.bytes,
        ms: performance.now() - began,
        isRead: transfer.isRead,
      };
      if (!broken && isTooSlow(fetched, this.limits))
        breakOff(
          new SyncMediaError(
            'TIMED_OUT',
            `Host ${host.hostname} gave ${String(fetched.bytes)} bytes of ${quotePath(path)} in ` +
              `${(fetched.ms / 1_000).toFixed(0)} s, too slowly.`,
          ),
        );
    }, paceMs).unref();
    const received = await receiving
      .finish(
        version === undefined
          ? undefined
          : context.judgeAt(context.me, () => ({ version, ruled: false })),
      )
      .finally(() => {
        clearInterval(pacing);
      });
    stop();
    if ('error' in received) {
      if (broken && isUnread) return;
      if (broken ?? received.by === 'source')
        this.openings.tellFailure(path, host, broken ?? received.error);
      else {
        this.failures.add(key);
        context.events.emit('failed', {
          doing: `placing ${JSON.stringify(path)}, fetched for a visitor`,
          error: received.error,
        });
      }
      return;
    }
    context.events.emit('fetched', {
      path,
      host: host.id,
      bytes: receiving.transfer.facts.size,
      ms: performance.now() - began,
      landed: version !== undefined,
    });
    try {
      // If the entry has a newer version by now, this host stays pending for it, because the
      // update is fenced by the version. If a file of the app was put back, its own capture may
      // have met the fetched bytes there.
      if (received.kept) return void (await context.askToLook(path));
      if (version === undefined) return;
      await context.settler.settle(path, version, context.me, received.sha256);
      await context.landed();
    } catch (error) {
      // The next scan records that this host holds the file.
      context.events.emit('failed', {
        doing: `acknowledging ${JSON.stringify(path)}, fetched for a visitor`,
        error,
      });
    }
  }

  private tellFailed(path: Path, error: unknown): void {
    this.toldAt = performance.now();
    this.context.events.emit('failed', {
      doing: `fetching ${JSON.stringify(path)} for a visitor`,
      error,
    });
  }
}

/** Identifies a fetch: another version or another capture makes it a different one. */
function keyOf(path: Path, { captured, entry }: Known): string {
  return JSON.stringify([path, entry?.version, ...captured.map(({ id }) => id)]);
}
