import { makeRecheckCapture } from '../capture/make-captures.js';
import { Acknowledger } from '../ledger/acknowledge.js';
import type { LeaderContext } from '../context/leader-context.js';
import { lookUpPaths, type PathLookup } from '../context/look-up.js';
import { TmpFolders } from '../replica/tmp-folders.js';
import { createReplacedFileResolver } from '../replication/resolve-replaced.js';
import type { CreateResolver } from '../transport/options.js';
import { parseFileMode } from '../transport/rsync/small-files/put.js';
import { SyncMediaError } from '../model/errors.js';
import { quotePath } from '../replica/paths.js';
import type { Path } from '../model/path.js';
import { withTimeout } from '../util/with-timeout.js';
import { LookUpBatcher } from './look-up-batcher.js';
import {
  getFileEntry,
  RemoteFileOpener,
  type NotOpenedReason,
  type OpenedSource,
  type OpeningContext,
  type OpeningLimits,
} from './remote-file-opener.js';
import {
  openReplicaDir,
  receiveFile,
  type ReceiveOptions,
  type IncomingFile,
} from './receive-file.js';
import { isTooSlow, type PaceLimits } from './is-too-slow.js';
import { RecentFailures } from './recent-failures.js';
import type { FetchTransfer } from './fetch-transfer.js';

type FetchContext = OpeningContext &
  Pick<LeaderContext, 'config' | 'replica' | 'dirs' | 'ledger' | 'outbox'>;

/** The mode of received files if rsync's `--chmod` sets none. */
const defaultFileMode = 0o644;

/**
 * Limits on the work that visitors can cause, in milliseconds, counts and bytes. `answerMs` also
 * limits a look-up and the wait for a slot.
 */
interface FetchLimits extends OpeningLimits, PaceLimits {
  /** How many paths one database call looks up, and how many look-ups may wait. */
  readonly lookUpBatch: number;
  readonly lookUpQueue: number;
  /** How long a failed fetch is remembered, and for how many files. */
  readonly failureMs: number;
  readonly failures: number;
}

const defaultFetchLimits: FetchLimits = {
  fetches: 64,
  fetchesPerSource: 16,
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
  failurePenaltyMs: 30_000,
};

/**
 * The result of a request for a missing file. here: the file has arrived on this disk meanwhile;
 * unknown: no host has it; unavailable: a host may have it, but none delivered it.
 */
export type FetchResult =
  | { readonly state: 'transferring'; readonly transfer: FetchTransfer }
  | { readonly state: 'here' }
  | { readonly state: 'unknown' }
  | { readonly state: 'unavailable' };

interface StartedFetch {
  readonly source: OpenedSource;
  readonly incoming: IncomingFile;
}

/**
 * The shortest interval between events about a failing database, which fails for every visitor.
 * In milliseconds.
 */
const databaseEventIntervalMs = 1_000;
/** The interval between checks of a fetch's speed. In milliseconds. */
const paceCheckMs = 1_000;

/**
 * Fetches files that this host lacks from hosts that have them. All visitors who request the same
 * file share one fetch.
 *
 * A file of a holder is placed at its path, and this host holds it from then on. A file that is
 * captured but not reconciled yet is only passed on to the visitors. If it were placed before its
 * version exists, a scan of this host would take it for a new upload and make another version.
 * The delivery that follows brings it to this host.
 */
export class MissingFileFetcher {
  private readonly activeFetches = new Map<
    string,
    { readonly begun: number; readonly found: Promise<FetchResult> }
  >();
  private readonly finishing = new Set<Promise<void>>();
  private readonly failures: RecentFailures;
  private readonly lookUpBatcher: LookUpBatcher;
  private readonly opener: RemoteFileOpener;
  private readonly acknowledger: Acknowledger;
  private readonly createResolver: CreateResolver;
  private readonly receiveOptions: ReceiveOptions;
  private readonly closing = new AbortController();
  /** Numbers requests and fetches in the order in which they began. */
  private nextSequence = 0;
  private reportedAt = -Infinity;

  constructor(
    private readonly context: FetchContext,
    private readonly limits: FetchLimits = defaultFetchLimits,
  ) {
    this.failures = new RecentFailures(limits.failureMs, limits.failures);
    this.lookUpBatcher = new LookUpBatcher((paths) => lookUpPaths(context, paths), limits);
    this.opener = new RemoteFileOpener(context, limits, this.closing.signal);
    const { config, ledger, registry, events } = context;
    this.acknowledger = new Acknowledger(ledger, events);
    this.createResolver = createReplacedFileResolver(ledger, registry, events);
    this.receiveOptions = {
      fileMode: parseFileMode(config.chmod) ?? defaultFileMode,
      tmpFolders: new TmpFolders(),
    };
  }

  /** Never rejects: failures are reported as events. */
  async fetchFile(path: Path): Promise<FetchResult> {
    const requestSequence = this.nextSequence++;
    if (this.closing.signal.aborted) return { state: 'unavailable' };
    let known: PathLookup | undefined;
    try {
      known = await this.lookUp(path);
    } catch (error) {
      if (performance.now() - this.reportedAt > databaseEventIntervalMs)
        this.reportFailure(path, error);
      return { state: 'unavailable' };
    }
    if (!known) return { state: 'unavailable' };
    if (known.captured.length === 0 && !getFileEntry(known)) return { state: 'unknown' };
    return this.joinOrStart(path, known, requestSequence);
  }

  /** Aborts all fetches and waits until they have ended. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.allSettled([...this.activeFetches.values()].map(({ found: result }) => result));
    await Promise.allSettled(this.finishing);
  }

  private lookUp(path: Path): Promise<PathLookup | undefined> {
    return withTimeout(this.lookUpBatcher.lookUp(path), this.limits.answerMs, 'the database');
  }

  /** Joins a fetch of the same key that is under way, or begins one. */
  private async joinOrStart(
    path: Path,
    known: PathLookup,
    requestSequence: number,
  ): Promise<FetchResult> {
    const key = makeFetchKey(path, known);
    if (this.failures.has(key)) return { state: 'unavailable' };
    for (let active = this.activeFetches.get(key); active; active = this.activeFetches.get(key)) {
      const result = await active.found;
      if (result.state === 'transferring' && result.transfer.isOver)
        this.removeFetch(key, active.begun);
      // A fetch that began before this request may have asked the hosts before they had the file.
      else if (result.state !== 'unknown' || active.begun > requestSequence) return result;
    }
    const fetchSequence = this.nextSequence++;
    const result = this.startFetch(path, known, key, fetchSequence);
    this.activeFetches.set(key, { begun: fetchSequence, found: result });
    return result;
  }

  /**
   * Never rejects. Other requests can join the fetch until it fails, or until its transfer has
   * ended.
   */
  private async startFetch(
    path: Path,
    known: PathLookup,
    key: string,
    fetchSequence: number,
  ): Promise<FetchResult> {
    const remove = (): void => {
      this.removeFetch(key, fetchSequence);
    };
    const started = await this.openAndReceive(path, known, key);
    if (typeof started === 'string') {
      remove();
      if (started === 'unavailable') this.failures.add(key);
      // `gone` and `busy` are not remembered: an upload may complete, or a slot become free, at
      // any moment.
      return {
        state: started === 'gone' ? 'unknown' : started === 'here' ? 'here' : 'unavailable',
      };
    }
    const finishing = this.finishFetch(path, started, key)
      .catch((error: unknown) => {
        this.reportFailure(path, error);
      })
      .finally(() => {
        remove();
        this.finishing.delete(finishing);
      });
    this.finishing.add(finishing);
    return { state: 'transferring', transfer: started.incoming.transfer };
  }

  /**
   * Removes this fetch, so that nobody joins it any more. A newer fetch of the same key stays.
   */
  private removeFetch(key: string, fetchSequence: number): void {
    if (this.activeFetches.get(key)?.begun === fetchSequence) this.activeFetches.delete(key);
  }

  private async openAndReceive(
    path: Path,
    known: PathLookup,
    key: string,
  ): Promise<StartedFetch | NotOpenedReason | 'here'> {
    const { context } = this;
    try {
      // A delivery may have placed the file during the look-up.
      if (await context.replica.observe(path).catch(() => undefined)) return 'here';
      const dir = context.dirs.current().findFor(path);
      if (!dir) return 'gone';
      const placement = await openReplicaDir(context.replica, dir);
      const opened = await this.openWithRetry(path, known, key);
      if (typeof opened === 'string') return opened;
      try {
        return {
          source: opened,
          incoming: await receiveFile(
            this.receiveOptions,
            placement,
            { path, info: opened.info },
            opened.body,
          ),
        };
      } catch (error) {
        opened.stop();
        throw error;
      }
    } catch (error) {
      this.reportFailure(path, error);
      return 'unavailable';
    }
  }

  /**
   * If no host delivers the file, looks it up again and retries once if its state has changed
   * meanwhile.
   */
  private async openWithRetry(
    path: Path,
    known: PathLookup,
    key: string,
  ): Promise<OpenedSource | NotOpenedReason> {
    const opened = await this.opener.openFile(path, known);
    if (typeof opened !== 'string' || this.closing.signal.aborted) return opened;
    const now = await this.lookUp(path);
    return now === undefined || makeFetchKey(path, now) === key
      ? opened
      : this.opener.openFile(path, now);
  }

  private async finishFetch(
    path: Path,
    { source: { host, version, startedAt, stop }, incoming }: StartedFetch,
    key: string,
  ): Promise<void> {
    const { context } = this,
      { transfer } = incoming;
    let abortReason: SyncMediaError | undefined,
      isUnread = false;
    const abortTransfer = (error: SyncMediaError): void => {
      abortReason = error;
      isUnread = !transfer.hasReaders;
      transfer.fail(error);
      stop();
    };
    // This file is not placed here, so without readers nobody needs the rest.
    if (version === undefined)
      transfer.onReadersGone = () => {
        abortTransfer(new SyncMediaError('CANCELLED', 'Nobody reads it any more.'));
      };
    const paceTimer = setInterval(() => {
      const progress = {
        bytes: transfer.bytes,
        ms: performance.now() - startedAt,
        isRead: transfer.hasReaders,
      };
      if (!abortReason && isTooSlow(progress, this.limits))
        abortTransfer(
          new SyncMediaError(
            'TIMED_OUT',
            `Host ${host.hostname} gave ${String(progress.bytes)} bytes of ${quotePath(path)} in ` +
              `${(progress.ms / 1_000).toFixed(0)} s, too slowly.`,
          ),
        );
    }, paceCheckMs).unref();
    const received = await incoming
      .finish(
        version === undefined
          ? undefined
          : this.createResolver(context.me, () => ({ version, ruled: false })),
      )
      .finally(() => {
        clearInterval(paceTimer);
      });
    stop();
    if ('error' in received) {
      if (abortReason && isUnread) return;
      if (abortReason ?? received.failedSide === 'source')
        this.opener.reportSourceFailure(path, host, abortReason ?? received.error);
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
      bytes: incoming.transfer.info.size,
      ms: performance.now() - startedAt,
      placed: version !== undefined,
    });
    try {
      // If the entry has a newer version by now, this host stays pending for it, because the
      // update is fenced by the version. If a file of the app was put back, its own capture may
      // have met the fetched bytes there.
      if (received.isOwnFileBack)
        return void (await context.outbox.insert(makeRecheckCapture(context.me, path)));
      if (version === undefined) return;
      await this.acknowledger.acknowledge(path, version, context.me, received.sha256);
      await context.registry.raiseReceived(new Map([[context.me, 1]]));
    } catch (error) {
      // The next scan records that this host holds the file.
      context.events.emit('failed', {
        doing: `acknowledging ${JSON.stringify(path)}, fetched for a visitor`,
        error,
      });
    }
  }

  private reportFailure(path: Path, error: unknown): void {
    this.reportedAt = performance.now();
    this.context.events.emit('failed', {
      doing: `fetching ${JSON.stringify(path)} for a visitor`,
      error,
    });
  }
}

/** Identifies a fetch: another version or another capture makes it a different one. */
function makeFetchKey(path: Path, { captured, entry }: PathLookup): string {
  return JSON.stringify([path, entry?.version, ...captured.map(({ id }) => id)]);
}
