import type { Backend } from '../transport/backend.js';
import { bounded } from '../util/with-timeout.js';
import { hasCode, messageOf, SyncMediaError } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { Known } from '../context/look-up.js';
import { willMakeVersion } from '../decisions/reconcile.js';
import { quotePath } from '../replica/paths.js';
import type { Entry, Facts, Host, HostId, Path, Version } from '../model/words.js';
import { openSource } from './receive-file.js';
import { Shares } from './source-semaphores.js';
import { Slots } from './semaphore.js';
import { Sources } from './source-ranking.js';

export interface OpeningContext {
  readonly backend: Backend;
  readonly events: EventBus;
  readonly me: HostId;
  hosts(): readonly Host[];
  /**
   * Rereads the hosts, unless they were read recently; `isUrgent`: unless they were read a moment
   * ago.
   */
  refresh(isUrgent?: boolean): Promise<void>;
}

export interface OpeningLimits {
  readonly fileBytes: number;
  /** How long to wait for the first answer of a host. In milliseconds. */
  readonly answerMs: number;
  /** How long a host is tried last after a failure. In milliseconds. */
  readonly shunMs: number;
  /**
   * How many fetches run at once, in total and from one host, and how many more may wait for
   * either.
   */
  readonly fetches: number;
  readonly fetchesOfSource: number;
  readonly fetchQueue: number;
}

/** A file whose content a host has begun to send. */
export interface Opened {
  readonly host: Host;
  readonly facts: Facts;
  readonly body: AsyncIterable<Uint8Array>;
  /** The version of the entry; undefined if the file is captured but not reconciled yet. */
  readonly version: Version | undefined;
  readonly began: number;
  /**
   * Ends the transfer and frees its slot. Callers must call it in any case, even after all bytes
   * have arrived.
   */
  readonly stop: () => void;
}

/**
 * gone: no host has the file, as far as is known; busy: all slots are taken; unavailable: a host
 * may have the file, but none delivered it.
 */
export type NotOpened = 'gone' | 'busy' | 'unavailable';

/**
 * A host to try. `open` returns undefined if the host has no file at the path, or nothing newer
 * than the entry.
 */
interface Candidate {
  readonly host: Host;
  readonly open: (
    signal: AbortSignal,
  ) => Promise<Pick<Opened, 'facts' | 'body' | 'version'> | undefined>;
}
/** Why a host delivered nothing. */
type Answered = 'not there' | 'busy' | 'failed';

export type FileEntry = Entry & { facts: Facts };

export function fileOf({ entry }: Pick<Known, 'entry'>): FileEntry | undefined {
  return entry?.kind === 'file' && entry.facts ? (entry as FileEntry) : undefined;
}

/**
 * Opens files on the hosts that have them. Hosts that captured newer bytes come first, then the
 * holders of the entry, the quickest first.
 */
export class Openings {
  private readonly sources: Sources;
  private readonly shares: Shares;
  private readonly slots: Slots;

  constructor(
    private readonly context: OpeningContext,
    private readonly limits: OpeningLimits,
    private readonly ending: AbortSignal,
  ) {
    this.sources = new Sources(limits.shunMs);
    this.shares = new Shares(limits.fetchesOfSource, limits.fetchQueue, limits.answerMs);
    this.slots = new Slots(limits.fetches, limits.fetchQueue, limits.answerMs);
  }

  async open(path: Path, known: Known): Promise<Opened | NotOpened> {
    await this.readHosts(known);
    const captured = await this.openCaptured(path, known);
    if (typeof captured !== 'string') return captured;
    const entry = fileOf(known);
    // An entry may have no holder, for example if its upload was removed before the first
    // delivery.
    return entry && entry.heldBy.length > 0 ? this.openHeld(entry) : captured;
  }

  /**
   * Reports that a host did not deliver a file that it should have. The host is tried last for a
   * while.
   */
  tellFailure(path: Path, host: Host, error: unknown): void {
    if (this.ending.aborted) return;
    this.sources.failed(host.id);
    const code = error instanceof SyncMediaError ? error.code : 'TRANSFER_FAILED';
    this.context.events.emit('unfetched', {
      path,
      host: host.id,
      failure: { code, message: messageOf(error), retryable: true, of: 'path' },
    });
  }

  /**
   * Rereads the hosts. Reads them again if a host of the file is missing: it may have joined
   * right before it captured the file.
   */
  private async readHosts({ captured, entry }: Known): Promise<void> {
    const { context } = this;
    await this.refresh(false);
    const ids = [...captured.map(({ host }) => host), ...(entry?.heldBy ?? [])],
      hosts = context.hosts();
    if (!ids.every((id) => hosts.some((host) => host.id === id))) await this.refresh(true);
  }

  private refresh(isUrgent: boolean): Promise<void> {
    return bounded(this.context.refresh(isUrgent), this.limits.answerMs, 'the database');
  }

  private async openCaptured(path: Path, { captured, entry }: Known): Promise<Opened | NotOpened> {
    const { backend, me } = this.context,
      hosts = this.context.hosts();
    const candidates = this.sources
      .rankCaptured(path, captured, hosts, me)
      .map(({ host, captured: { asserted } }): Candidate => ({
        host,
        open: async (signal) => {
          const { facts, body } = await backend.read(host, path, signal);
          if (!willMakeVersion({ entry, found: facts, host: host.id, asserted })) return undefined;
          if (facts.size > this.limits.fileBytes)
            throw new SyncMediaError(
              'TRANSFER_FAILED',
              `${quotePath(path)} is too large to be passed on to a visitor.`,
            );
          return { facts, body, version: undefined };
        },
      }));
    const { opened, answers } = await this.ask(path, candidates);
    if (opened) return opened;
    if (answers.includes('busy')) return 'busy';
    // A pending host is not asked, but it may have the file.
    const isUnknown = captured.some(({ host }) =>
      hosts.some(({ id, status }) => id === host && status === 'pending'),
    );
    return isUnknown || answers.includes('failed') ? 'unavailable' : 'gone';
  }

  private async openHeld(entry: FileEntry): Promise<Opened | NotOpened> {
    const { context } = this,
      { path, facts, version } = entry;
    if (facts.size > this.limits.fileBytes) return 'unavailable';
    const holders = this.sources.rank(entry, context.hosts(), context.me);
    const { opened, answers } = await this.ask(
      path,
      holders.map((host) => ({
        host,
        open: async (signal) => ({
          facts,
          version,
          body: await openSource(context, host, entry, signal),
        }),
      })),
    );
    for (const [i, host] of holders.entries()) {
      if (answers[i] === 'not there')
        this.tellFailure(
          path,
          host,
          new SyncMediaError(
            'NOT_A_FILE',
            `${quotePath(path)} is not on host ${host.hostname}, which holds it.`,
          ),
        );
    }
    return opened ?? (answers.includes('busy') ? 'busy' : 'unavailable');
  }

  /**
   * Tries the hosts one after the other. If none of the free ones delivers, waits for the first
   * busy one.
   */
  private async ask(
    path: Path,
    candidates: readonly Candidate[],
  ): Promise<{ opened?: Opened; answers: Answered[] }> {
    const answers: Answered[] = [];
    const isOpened = async (i: number, waits: boolean): Promise<Opened | undefined> => {
      const answer = await this.tryHost(path, candidates[i] as Candidate, waits);
      if (typeof answer !== 'string') return answer;
      answers[i] = answer;
      return undefined;
    };
    for (const i of candidates.keys()) {
      const opened = await isOpened(i, false);
      if (opened) return { opened, answers };
    }
    const busy = answers.indexOf('busy');
    const opened = busy >= 0 ? await isOpened(busy, true) : undefined;
    return { ...(opened ? { opened } : {}), answers };
  }

  private async tryHost(
    path: Path,
    { host, open }: Candidate,
    waits: boolean,
  ): Promise<Opened | Answered> {
    if (this.ending.aborted) return 'failed';
    const freeShare = await this.shares.take(host.id, waits);
    const free = freeShare && (await this.slots.take());
    if (!free) {
      freeShare?.();
      return 'busy';
    }
    // Aborts the request to this host alone. A late answer must not continue while the next host
    // is tried.
    const stopping = new AbortController();
    const stop = (): void => {
      stopping.abort();
      free();
      freeShare();
    };
    const began = performance.now();
    try {
      const opened = await bounded(
        open(AbortSignal.any([stopping.signal, this.ending])),
        this.limits.answerMs,
        `host ${host.hostname}`,
      );
      this.sources.answered(host.id, performance.now() - began);
      if (opened) return { ...opened, host, began, stop };
      stop();
      return 'not there';
    } catch (error) {
      stop();
      if (hasCode(error, 'NOT_A_FILE') || hasCode(error, 'SYMLINK_IN_PATH')) return 'not there';
      this.tellFailure(path, host, error);
      return 'failed';
    }
  }
}
