import type { EventBus } from '../events.js';
import type { Settler } from '../ledger/settle.js';
import type { Known } from '../look-up.js';
import type { JudgeAt } from '../backends/options.js';
import { SyncMediaError } from '../errors/errors.js';
import { quotePath } from '../root/paths.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Path } from '../words.js';
import { bounded } from '../bounded.js';
import { LookUps } from './look-ups.js';
import { fileOf, Openings, type NotOpened, type Opened, type OpeningContext, type OpeningLimits } from './openings.js';
import { openPlace, receive, type Receiver, type Receiving } from './receive.js';
import { isTooSlow, type PaceLimits } from './pace.js';
import { RecentFailures } from './recent-failures.js';
import type { Transfer } from './transfer.js';

export interface FetchContext extends Receiver, OpeningContext {
  readonly settler: Settler;
  readonly events: EventBus;
  readonly judgeAt: JudgeAt;
  /** What the database knows of paths. */
  lookUp(paths: readonly Path[]): Promise<(path: Path) => Known>;
  dirs(): SyncDirs;
  /** Has this host look at a path; resolves once that is stored. */
  askToLook(path: Path): Promise<void>;
  /** Tells whoever has the lanes of this host that a file landed here. */
  landed(): Promise<void>;
}

/** Limits of what visitors can cause; milliseconds, counts and bytes. `answerMs` bounds a look-up and the wait for a slot, too. */
export interface FetchLimits extends OpeningLimits, PaceLimits {
  /** Paths that are looked up in one call of the database, and look-ups that wait. */
  readonly lookUpBatch: number;
  readonly lookUpQueue: number;
  /** How long, and of how many files, it is remembered that nobody could give them. */
  readonly failureMs: number;
  readonly failures: number;
}

export const fetchLimits: FetchLimits = {
  fetches: 64, fetchesOfSource: 16, fetchQueue: 256, graceMs: 10_000, bytesPerSecond: 8 * 1024, unreadBytesPerSecond: 256 * 1024,
  lookUpBatch: 500, lookUpQueue: 4_096, fileBytes: 2 * 1024 ** 3, failureMs: 1_000, failures: 4_096, answerMs: 5_000, shunMs: 30_000,
};

/** here: the file has come to this disk meanwhile; unknown: no host has it; unavailable: nobody could give it. */
export type Found = { readonly is: 'coming'; readonly transfer: Transfer } | { readonly is: 'here' } | { readonly is: 'unknown' } | { readonly is: 'unavailable' };

interface Started { readonly opened: Opened; readonly receiving: Receiving }

/** A database that is away fails for every visitor, and is told this often. In milliseconds. */
const tellMs = 1_000;
/** How often the pace of a fetch is looked at. In milliseconds. */
const paceMs = 1_000;

/**
 * Fetches what is missing here from a host that has it: one fetch, however many visitors ask.
 *
 * What a host holds lands here, and this host holds it from then on. What a host has captured and not folded yet is passed on to the visitors
 * and lands nowhere: until the fold has made a version of it, a scan of this host would take these bytes for an upload of its own, and make
 * another version. What brings them is the delivery that follows the fold.
 */
export class Fetching {
  private readonly underWay = new Map<string, { readonly begun: number; readonly found: Promise<Found> }>();
  private readonly finishing = new Set<Promise<void>>();
  private readonly failures: RecentFailures;
  private readonly lookUps: LookUps;
  private readonly openings: Openings;
  private readonly ending = new AbortController();
  /** Counts requests and fetches, to tell which came first. */
  private turn = 0;
  private toldAt = -Infinity;

  constructor(private readonly context: FetchContext, private readonly limits: FetchLimits = fetchLimits) {
    this.failures = new RecentFailures(limits.failureMs, limits.failures);
    this.lookUps = new LookUps((paths) => context.lookUp(paths), limits);
    this.openings = new Openings(context, limits, this.ending.signal);
  }

  /** Never rejects: what fails is told as an event. */
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

  /** Breaks off what is under way, and waits until nothing of it is left. */
  async close(): Promise<void> {
    this.ending.abort();
    await Promise.allSettled([...this.underWay.values()].map(({ found }) => found));
    await Promise.allSettled(this.finishing);
  }

  private lookUp(path: Path): Promise<Known | undefined> {
    return bounded(this.lookUps.find(path), this.limits.answerMs, 'the database');
  }

  /** Joins a fetch of the same that is under way, or begins one. */
  private async share(path: Path, known: Known, asked: number): Promise<Found> {
    const key = keyOf(path, known);
    if (this.failures.has(key)) return { is: 'unavailable' };
    for (let before = this.underWay.get(key); before; before = this.underWay.get(key)) {
      const found = await before.found;
      if (found.is === 'coming' && found.transfer.isOver) this.end(key, before.begun);
      // Who was asked before this visitor came may have looked before the file was there.
      else if (found.is !== 'unknown' || before.begun > asked) return found;
    }
    const begun = this.turn++;
    const found = this.begin(path, known, key, begun);
    this.underWay.set(key, { begun, found });
    return found;
  }

  /** Never rejects. It is under way until it is answered; a transfer, until it has ended. */
  private async begin(path: Path, known: Known, key: string, begun: number): Promise<Found> {
    const end = (): void => { this.end(key, begun); };
    const started = await this.start(path, known, key);
    if (typeof started === 'string') {
      end();
      if (started === 'unavailable') this.failures.add(key);
      // That it is gone, or has to wait, is not remembered: it may come, and be acknowledged, at any moment.
      return { is: started === 'gone' ? 'unknown' : started === 'here' ? 'here' : 'unavailable' };
    }
    const finishing = this.finish(path, started, key).catch((error: unknown) => { this.tellFailed(path, error); }).finally(() => {
      end();
      this.finishing.delete(finishing);
    });
    this.finishing.add(finishing);
    return { is: 'coming', transfer: started.receiving.transfer };
  }

  /** Nobody joins this fetch any more; another one of the same may be under way already. */
  private end(key: string, begun: number): void {
    if (this.underWay.get(key)?.begun === begun) this.underWay.delete(key);
  }

  private async start(path: Path, known: Known, key: string): Promise<Started | NotOpened | 'here'> {
    const { context } = this;
    try {
      // It may have landed while we looked and waited.
      if (await context.root.observe(path).catch(() => undefined)) return 'here';
      const dir = context.dirs().of(path);
      if (!dir) return 'gone';
      const place = await openPlace(context.root, dir);
      const opened = await this.open(path, known, key);
      if (typeof opened === 'string') return opened;
      try {
        return { opened, receiving: await receive(context, place, { path, facts: opened.facts }, opened.body) };
      } catch (error) {
        opened.stop();
        throw error;
      }
    } catch (error) {
      this.tellFailed(path, error);
      return 'unavailable';
    }
  }

  /** Where no host gives it, it is looked up again: the hosts may have moved on while they were asked. */
  private async open(path: Path, known: Known, key: string): Promise<Opened | NotOpened> {
    const opened = await this.openings.open(path, known);
    if (typeof opened !== 'string' || this.ending.signal.aborted) return opened;
    const now = await this.lookUp(path);
    return now === undefined || keyOf(path, now) === key ? opened : this.openings.open(path, now);
  }

  private async finish(path: Path, { opened: { host, version, began, stop }, receiving }: Started, key: string): Promise<void> {
    const { context } = this, { transfer } = receiving;
    let broken: SyncMediaError | undefined, isUnread = false;
    const breakOff = (error: SyncMediaError): void => {
      broken = error;
      isUnread = !transfer.isRead;
      transfer.fail(error);
      stop();
    };
    // It lands nowhere, so nobody needs the rest.
    if (version === undefined) transfer.onUnread = () => { breakOff(new SyncMediaError('CANCELLED', 'Nobody reads it any more.')); };
    const pacing = setInterval(() => {
      const fetched = { bytes: transfer.bytes, ms: performance.now() - began, isRead: transfer.isRead };
      if (!broken && isTooSlow(fetched, this.limits)) breakOff(new SyncMediaError('TIMED_OUT', `Host ${host.hostname} gave ${String(fetched.bytes)} bytes of ${quotePath(path)} in ${(fetched.ms / 1_000).toFixed(0)} s, too slowly.`));
    }, paceMs).unref();
    const received = await receiving.finish(version === undefined ? undefined : context.judgeAt(context.me, () => ({ version, ruled: false })))
      .finally(() => { clearInterval(pacing); });
    stop();
    if ('error' in received) {
      if (broken && isUnread) return;
      if (broken ?? received.by === 'source') this.openings.tellFailure(path, host, broken ?? received.error);
      else {
        this.failures.add(key);
        context.events.emit('failed', { doing: `landing ${JSON.stringify(path)}, fetched for a visitor`, error: received.error });
      }
      return;
    }
    context.events.emit('fetched', { path, host: host.id, bytes: receiving.transfer.facts.size, ms: performance.now() - began, landed: version !== undefined });
    try {
      // Where the entry moved on meanwhile, this host is owed the new version: the fence sees to that.
      // What the app wrote was put back, and its own capture may have met the fetched bytes there.
      if (received.kept) return void await context.askToLook(path);
      if (version === undefined) return;
      await context.settler.settle(path, version, context.me, received.sha256);
      await context.landed();
    } catch (error) {
      // The next scan finds that this host holds it.
      context.events.emit('failed', { doing: `settling ${JSON.stringify(path)}, fetched for a visitor`, error });
    }
  }

  private tellFailed(path: Path, error: unknown): void {
    this.toldAt = performance.now();
    this.context.events.emit('failed', { doing: `fetching ${JSON.stringify(path)} for a visitor`, error });
  }
}

/** What is looked for: with another version or another capture it is something else. */
function keyOf(path: Path, { captured, entry }: Known): string {
  return JSON.stringify([path, entry?.version, ...captured.map(({ id }) => id)]);
}
