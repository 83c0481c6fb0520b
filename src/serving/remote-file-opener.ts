import { joinSignals } from '../util/join-signals.js';
import { withTimeout } from '../util/with-timeout.js';
import { hasErrorCode, getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { PathLookup } from '../context/look-up.js';
import { willMakeVersion } from '../decisions/reconcile.js';
import { quotePath } from '../replica/paths.js';
import type { Entry, Version } from '../model/entry.js';
import type { FileInfo } from '../model/file.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import { openHeldFile } from './receive-file.js';
import { SourceSemaphores } from './source-semaphores.js';
import { Semaphore } from './semaphore.js';
import { SourceRanking } from './source-ranking.js';

export type OpeningContext = Pick<
  LeaderContext,
  'backend' | 'events' | 'me' | 'registry' | 'refresh'
>;

/**
 * The oldest host list that a fetch may use, and the oldest one if it lacks a host of the file: a
 * host that has become ready since is a source, too. In milliseconds.
 */
const maxHostsAgeMs = 5_000,
  urgentHostsAgeMs = 500;

export interface OpeningLimits {
  readonly fileBytes: number;
  /** How long to wait for the first answer of a host. In milliseconds. */
  readonly answerMs: number;
  /** How long a host is tried last after a failure. In milliseconds. */
  readonly failurePenaltyMs: number;
  /**
   * How many fetches run at once, in total and from one host, and how many more may wait for
   * either.
   */
  readonly fetches: number;
  readonly fetchesPerSource: number;
  readonly fetchQueue: number;
}

/** A file whose content a host has begun to send. */
export interface OpenedSource {
  readonly host: Host;
  readonly info: FileInfo;
  readonly body: AsyncIterable<Uint8Array>;
  /** The version of the entry; undefined if the file is captured but not reconciled yet. */
  readonly version: Version | undefined;
  readonly startedAt: number;
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
export type NotOpenedReason = 'gone' | 'busy' | 'unavailable';

/**
 * A host to try. `open` returns undefined if the host has no file at the path, or nothing newer
 * than the entry.
 */
interface SourceCandidate {
  readonly host: Host;
  readonly open: (
    signal: AbortSignal,
  ) => Promise<Pick<OpenedSource, 'info' | 'body' | 'version'> | undefined>;
}
/** Why a host delivered nothing. */
type SourceFailure = 'not there' | 'busy' | 'failed';

type FileEntry = Entry & { info: FileInfo };

export function getFileEntry({ entry }: Pick<PathLookup, 'entry'>): FileEntry | undefined {
  return entry?.kind === 'file' && entry.info ? (entry as FileEntry) : undefined;
}

/**
 * Opens files on the hosts that have them. Hosts that captured newer bytes come first, then the
 * holders of the entry, the quickest first.
 */
export class RemoteFileOpener {
  private readonly ranking: SourceRanking;
  private readonly sourceSemaphores: SourceSemaphores;
  private readonly semaphore: Semaphore;
  private refreshedAt = -Infinity;
  private refreshing: Promise<void> | undefined;

  constructor(
    private readonly context: OpeningContext,
    private readonly limits: OpeningLimits,
    private readonly closing: AbortSignal,
  ) {
    this.ranking = new SourceRanking(limits.failurePenaltyMs);
    this.sourceSemaphores = new SourceSemaphores(
      limits.fetchesPerSource,
      limits.fetchQueue,
      limits.answerMs,
    );
    this.semaphore = new Semaphore(limits.fetches, limits.fetchQueue, limits.answerMs);
  }

  async openFile(path: Path, known: PathLookup): Promise<OpenedSource | NotOpenedReason> {
    await this.refreshHosts(known);
    const captured = await this.openCaptured(path, known);
    if (typeof captured !== 'string') return captured;
    const entry = getFileEntry(known);
    // An entry may have no holder, for example if its upload was removed before the first
    // delivery.
    return entry && entry.heldBy.length > 0 ? this.openHeld(entry) : captured;
  }

  /**
   * Reports that a host did not deliver a file that it should have. The host is tried last for a
   * while.
   */
  reportSourceFailure(path: Path, host: Host, error: unknown): void {
    if (this.closing.aborted) return;
    this.ranking.recordFailure(host.id);
    const code = error instanceof SyncMediaError ? error.code : 'TRANSFER_FAILED';
    this.context.events.emit('fetchFailed', {
      path,
      host: host.id,
      failure: { code, message: getErrorMessage(error), retryable: true, scope: 'path' },
    });
  }

  /**
   * Rereads the hosts. Reads them again if a host of the file is missing: it may have joined
   * right before it captured the file.
   */
  private async refreshHosts({ captured, entry }: PathLookup): Promise<void> {
    await this.refreshOlderThan(maxHostsAgeMs);
    const ids = [...captured.map(({ host }) => host), ...(entry?.heldBy ?? [])];
    if (!ids.every((id) => this.context.registry.find(id)))
      await this.refreshOlderThan(urgentHostsAgeMs);
  }

  private async refreshOlderThan(ms: number): Promise<void> {
    if (performance.now() - this.refreshedAt < ms) return;
    this.refreshing ??= this.context
      .refresh()
      .then(() => {
        this.refreshedAt = performance.now();
      })
      .finally(() => {
        this.refreshing = undefined;
      });
    await withTimeout(this.refreshing, this.limits.answerMs, 'the database');
  }

  private async openCaptured(
    path: Path,
    { captured, entry }: PathLookup,
  ): Promise<OpenedSource | NotOpenedReason> {
    const { backend, me, registry } = this.context,
      hosts = registry.all();
    const candidates = this.ranking
      .rankCapturingHosts(path, captured, hosts, me)
      .map(({ host, captured: { asserted } }): SourceCandidate => ({
        host,
        open: async (signal) => {
          const { info: facts, body } = await backend.read(host, path, signal);
          if (!willMakeVersion({ entry, found: facts, host: host.id, asserted })) return undefined;
          if (facts.size > this.limits.fileBytes)
            throw new SyncMediaError(
              'TRANSFER_FAILED',
              `${quotePath(path)} is too large to be passed on to a visitor.`,
            );
          return { info: facts, body, version: undefined };
        },
      }));
    const { opened, answers: failures } = await this.tryHosts(path, candidates);
    if (opened) return opened;
    if (failures.includes('busy')) return 'busy';
    // A host that waits for approval is not asked, but it may have the file.
    const isUnknown = captured.some(({ host }) =>
      hosts.some(({ id, status }) => id === host && status === 'pending'),
    );
    return isUnknown || failures.includes('failed') ? 'unavailable' : 'gone';
  }

  private async openHeld(entry: FileEntry): Promise<OpenedSource | NotOpenedReason> {
    const { context } = this,
      { path, info: facts, version } = entry;
    if (facts.size > this.limits.fileBytes) return 'unavailable';
    const holders = this.ranking.rankHolders(entry, context.registry.all(), context.me);
    const { opened, answers: failures } = await this.tryHosts(
      path,
      holders.map((host) => ({
        host,
        open: async (signal) => ({
          info: facts,
          version,
          body: await openHeldFile(context, host, entry, signal),
        }),
      })),
    );
    for (const [i, host] of holders.entries()) {
      if (failures[i] === 'not there')
        this.reportSourceFailure(
          path,
          host,
          new SyncMediaError(
            'NOT_A_FILE',
            `${quotePath(path)} is not on host ${host.hostname}, which holds it.`,
          ),
        );
    }
    return opened ?? (failures.includes('busy') ? 'busy' : 'unavailable');
  }

  /**
   * Tries the hosts one after the other. If none of the free ones delivers, waits for the first
   * busy one.
   */
  private async tryHosts(
    path: Path,
    candidates: readonly SourceCandidate[],
  ): Promise<{ opened?: OpenedSource; answers: SourceFailure[] }> {
    const failures: SourceFailure[] = [];
    const tryCandidate = async (
      i: number,
      waitsForSlot: boolean,
    ): Promise<OpenedSource | undefined> => {
      const answer = await this.tryHost(path, candidates[i] as SourceCandidate, waitsForSlot);
      if (typeof answer !== 'string') return answer;
      failures[i] = answer;
      return undefined;
    };
    for (const i of candidates.keys()) {
      const opened = await tryCandidate(i, false);
      if (opened) return { opened, answers: failures };
    }
    const busy = failures.indexOf('busy');
    const opened = busy >= 0 ? await tryCandidate(busy, true) : undefined;
    return { ...(opened ? { opened } : {}), answers: failures };
  }

  private async tryHost(
    path: Path,
    { host, open }: SourceCandidate,
    waitsForSlot: boolean,
  ): Promise<OpenedSource | SourceFailure> {
    if (this.closing.aborted) return 'failed';
    const releaseSource = await this.sourceSemaphores.acquire(host.id, waitsForSlot);
    const releaseSlot = releaseSource && (await this.semaphore.acquire());
    if (!releaseSlot) {
      releaseSource?.();
      return 'busy';
    }
    // Aborts the request to this host alone. A late answer must not continue while the next host
    // is tried.
    const stopped = new AbortController();
    const ending = joinSignals([stopped.signal, this.closing]);
    const stop = (): void => {
      stopped.abort();
      ending.release();
      releaseSlot();
      releaseSource();
    };
    const startedAt = performance.now();
    try {
      const opened = await withTimeout(
        open(ending.signal),
        this.limits.answerMs,
        `host ${host.hostname}`,
      );
      this.ranking.recordLatency(host.id, performance.now() - startedAt);
      if (opened) return { ...opened, host, startedAt, stop };
      stop();
      return 'not there';
    } catch (error) {
      stop();
      if (hasErrorCode(error, 'NOT_A_FILE') || hasErrorCode(error, 'SYMLINK_IN_PATH'))
        return 'not there';
      this.reportSourceFailure(path, host, error);
      return 'failed';
    }
  }
}
