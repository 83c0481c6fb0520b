import { messageOf, SyncMediaError } from '../errors/errors.js';
import type { EventBus } from '../events.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Settler } from '../ledger/settle.js';
import type { JudgeAt } from '../backends/options.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { Entry, Facts, Host, Path } from '../words.js';
import { bounded } from '../bounded.js';
import { RecentMisses, type Miss } from './recent-misses.js';
import { openPlace, openSource, receive, type Receiver, type Receiving } from './receive.js';
import { Slots } from './slots.js';
import { Sources } from './sources.js';
import type { Transfer } from './transfer.js';

export interface FetchContext extends Receiver {
  readonly ledger: Ledger;
  readonly settler: Settler;
  readonly events: EventBus;
  readonly judgeAt: JudgeAt;
  dirs(): SyncDirs;
  hosts(): readonly Host[];
  /** Reads the hosts anew, unless that was done lately. */
  refresh(): Promise<void>;
  /** Tells whoever has the lanes of this host that a file landed here. */
  landed(): Promise<void>;
}

/** Limits of what visitors can cause; milliseconds, counts and bytes. */
export interface FetchLimits {
  readonly fetches: number;
  readonly fetchQueue: number;
  readonly lookUps: number;
  readonly lookUpQueue: number;
  readonly fileBytes: number;
  readonly missMs: number;
  readonly misses: number;
  /** How long one host is waited for until its first answer, and the ledger for its only one. */
  readonly answerMs: number;
  /** How long a host that failed is asked last. */
  readonly shunMs: number;
}

export const fetchLimits: FetchLimits = {
  fetches: 16, fetchQueue: 256, lookUps: 32, lookUpQueue: 1_024, fileBytes: 2 * 1024 ** 3, missMs: 1_000, misses: 4_096, answerMs: 5_000, shunMs: 30_000,
};

/** here: the file has come to this disk meanwhile. */
export type Found = { readonly is: 'coming'; readonly transfer: Transfer } | { readonly is: 'here' } | { readonly is: 'unknown' } | { readonly is: 'unavailable' };
type FileEntry = Entry & { facts: Facts };

/** Fetches what is missing here from a host that holds it: one fetch for each path, however many visitors ask. */
export class Fetching {
  private readonly underWay = new Map<Path, Promise<Found>>();
  private readonly finishing = new Set<Promise<void>>();
  private readonly misses: RecentMisses;
  private readonly lookUps: Slots;
  private readonly fetches: Slots;
  private readonly sources: Sources;
  private readonly ending = new AbortController();

  constructor(private readonly context: FetchContext, private readonly limits: FetchLimits = fetchLimits) {
    this.misses = new RecentMisses(limits.missMs, limits.misses);
    this.lookUps = new Slots(limits.lookUps, limits.lookUpQueue);
    this.fetches = new Slots(limits.fetches, limits.fetchQueue);
    this.sources = new Sources(limits.shunMs);
  }

  /** How much of this is kept in memory, for those who watch it. */
  get size(): { underWay: number; misses: number } {
    return { underWay: this.underWay.size, misses: this.misses.size };
  }

  /** Never rejects: what fails is a miss, and told as an event. */
  find(path: Path): Promise<Found> {
    const miss = this.misses.get(path);
    if (miss) return Promise.resolve({ is: miss });
    const before = this.underWay.get(path);
    if (before) return before;
    const found = this.begin(path).catch((error: unknown): Found => {
      this.context.events.emit('failed', { doing: `fetching ${JSON.stringify(path)} for a visitor`, error });
      return this.miss(path, 'unavailable');
    });
    this.underWay.set(path, found);
    void found.then(({ is }) => { if (is !== 'coming') this.underWay.delete(path); });
    return found;
  }

  /** Breaks off what is under way, and waits until nothing of it is left. */
  async close(): Promise<void> {
    this.ending.abort();
    await Promise.allSettled(this.underWay.values());
    await Promise.allSettled(this.finishing);
  }

  private miss(path: Path, miss: Miss): Found {
    this.misses.add(path, miss);
    return { is: miss };
  }

  private async begin(path: Path): Promise<Found> {
    if (this.ending.signal.aborted) return { is: 'unavailable' };
    const entry = await this.lookUp(path);
    if (entry === 'busy') return { is: 'unavailable' };
    if (!entry) return this.miss(path, 'unknown');
    if (entry.facts.size > this.limits.fileBytes) return this.miss(path, 'unavailable');
    const free = await this.fetches.take();
    if (!free) return { is: 'unavailable' };
    let keeps = false;
    try {
      // It may have landed while we looked and waited.
      if (await this.context.root.observe(path).catch(() => undefined)) return { is: 'here' };
      const started = await this.start(entry) ?? await this.startAnew(entry);
      if (!started) return this.miss(path, 'unavailable');
      keeps = true;
      const finishing = this.finish(started).finally(() => {
        free();
        this.underWay.delete(path);
        this.finishing.delete(finishing);
      });
      this.finishing.add(finishing);
      return { is: 'coming', transfer: started.receiving.transfer };
    } finally {
      if (!keeps) free();
    }
  }

  /** The entry of a file that this host may have; undefined where the ledger knows none. */
  private async lookUp(path: Path): Promise<FileEntry | 'busy' | undefined> {
    const free = await this.lookUps.take();
    if (!free) return 'busy';
    try {
      const entry = await bounded(this.context.ledger.read(path), this.limits.answerMs, 'the ledger');
      return entry?.kind === 'file' && entry.facts ? entry as FileEntry : undefined;
    } finally {
      free();
    }
  }

  /** The hosts may have moved on to another version while we asked them. */
  private async startAnew(before: FileEntry): Promise<Started | undefined> {
    const entry = await this.lookUp(before.path);
    return entry === undefined || entry === 'busy' || entry.version === before.version ? undefined : this.start(entry);
  }

  /** Opens the entry at the first host that gives it; undefined where none does. */
  private async start(entry: FileEntry): Promise<Started | undefined> {
    const { context } = this;
    const dir = context.dirs().of(entry.path);
    if (!dir) return undefined;
    const [place] = await Promise.all([openPlace(context.root, context.me, dir), context.refresh()]);
    for (const host of this.sources.rank(entry, context.hosts(), context.me)) {
      const began = performance.now();
      // For the source alone: what a host does not answer in time is ended, while the next one is asked.
      const stopping = new AbortController();
      const signal = AbortSignal.any([stopping.signal, this.ending.signal]);
      try {
        const body = await bounded(openSource(context, host, entry, signal), this.limits.answerMs, `host ${host.hostname}`);
        this.sources.answered(host.id, performance.now() - began);
        const receiving = await receive(context, place, entry, body);
        return { entry, host, receiving, began, stop: () => { stopping.abort(); } };
      } catch (error) {
        stopping.abort();
        this.tellFailure(entry.path, host, error);
        if (this.ending.signal.aborted) return undefined;
      }
    }
    return undefined;
  }

  private async finish({ entry, host, receiving, began, stop }: Started): Promise<void> {
    const { context } = this;
    const { path, version } = entry;
    const received = await receiving.finish(context.judgeAt(context.me, () => ({ version, ruled: false })));
    stop();
    if ('error' in received) {
      if (received.by === 'source') this.tellFailure(path, host, received.error);
      else {
        this.misses.add(path, 'unavailable');
        context.events.emit('failed', { doing: `landing ${JSON.stringify(path)}, fetched for a visitor`, error: received.error });
      }
      return;
    }
    context.events.emit('fetched', { path, host: host.id, bytes: entry.facts.size, ms: performance.now() - began });
    try {
      // Where the entry moved on meanwhile, this host is owed the new version: the fence sees to that.
      if (received.kept) return;
      await context.settler.settle(path, version, context.me, received.sha256);
      await context.landed();
    } catch (error) {
      // The next scan finds that this host holds it.
      context.events.emit('failed', { doing: `settling ${JSON.stringify(path)}, fetched for a visitor`, error });
    }
  }

  private tellFailure(path: Path, host: Host, error: unknown): void {
    if (this.ending.signal.aborted) return;
    this.sources.failed(host.id);
    const code = error instanceof SyncMediaError ? error.code : 'TRANSFER_FAILED';
    this.context.events.emit('unfetched', { path, host: host.id, failure: { code, message: messageOf(error), retryable: true, of: 'path' } });
  }
}

interface Started { readonly entry: FileEntry; readonly host: Host; readonly receiving: Receiving; readonly began: number; readonly stop: () => void }
