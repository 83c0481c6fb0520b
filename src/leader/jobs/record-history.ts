import type { LeaderContext } from '../../context/leader-context.js';
import { computeBackoff } from '../../decisions/backoff.js';
import { toRecordLimit } from '../../decisions/entries.js';
import type { Entry } from '../../model/entry.js';
import { getErrorMessage, hasErrorCode } from '../../model/errors.js';
import type { Failure } from '../../model/failure.js';
import type { RecordRequest } from '../../model/history.js';
import type { Host } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import { quotePath } from '../../replica/paths.js';
import type { History } from '../../transport/history.js';
import type { HistoryStateStore } from '../history-state.js';
import type { LeaderJob } from '../leader-job.js';
import { RecordQueue, type QueuedVersion } from '../record-queue.js';
import { listRecordedHosts } from '../recorded-hosts.js';
import { VersionBytes } from '../version-bytes.js';
import { giveWay } from './give-way.js';
import { listRecordRequests } from './to-record-request.js';

/** Milliseconds from a version's entry to its record, so that its deliveries begin first. */
const DELAY_MS = 250;
/** Milliseconds in which a leader that ends records what only its memory has. */
const CLOSE_MS = 2_000;
/** Versions that one call of the history records. */
const BATCH = 200;
/** Room for all versions of one batch of entries, which is read once no version is missing. */
const MAX_MISSING = BATCH * (toRecordLimit + 1);
/** Paths that are reported once each because their entries have no room. */
const MAX_REPORTED = 1_000;

/** A version whose bytes are not at its path, and why it was not recorded from there. */
interface MissingVersion {
  readonly request: RecordRequest;
  readonly failure: Failure;
}

/**
 * Records each version that this host captures in its history, behind the deliveries. The entry
 * says that its version is not recorded yet, also after another version has replaced it. So nothing
 * is forgotten when this process ends, and no failure of the history concerns a delivery.
 */
export class RecordHistory implements LeaderJob {
  readonly name = 'recording the history';
  private readonly ending = new AbortController();
  private readonly queue: RecordQueue;
  private readonly bytes: VersionBytes;
  /**
   * Their bytes are searched one by one, behind the queue: a search of all hosts takes long, and
   * the queue has no room for long.
   */
  private missing: MissingVersion[] = [];
  private readonly reported = new Set<Path>();
  private unsubscribe: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isOpen = false;
  private isClosing = false;
  /** Entries may wait in the ledger that are not in the queue. */
  private hasMore = true;
  private after: Path | undefined;
  private failures = 0;
  private nextTryAt = 0;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      | 'backend'
      | 'config'
      | 'disk'
      | 'events'
      | 'forgotten'
      | 'hasTraffic'
      | 'ledger'
      | 'me'
      | 'onEntries'
      | 'registry'
      | 'replica'
      | 'tuning'
    >,
    private readonly state: HistoryStateStore,
    private readonly onRecorded: () => void,
  ) {
    const { backend, history } = context.config;
    this.queue = new RecordQueue(
      context.replica,
      backend === 'git-annex' ? history.maxBytes : history.maxFileBytes,
    );
    this.bytes = new VersionBytes(context);
  }

  async start(): Promise<void> {
    if (!this.context.backend.history) {
      await this.state.withdraw();
      return;
    }
    this.unsubscribe = this.context.onEntries((entries) => {
      this.enqueue(entries);
    });
    this.runSoon();
  }

  poll(): void {
    if (this.hasMore || this.queue.length > 0) this.runSoon();
  }

  pollThoroughly(): void {
    this.hasMore = true;
    this.runSoon();
  }

  async close(): Promise<void> {
    this.unsubscribe?.();
    clearTimeout(this.timer);
    this.isClosing = true;
    await this.recordQueued();
    this.ending.abort();
    await this.running;
    this.queue.clear();
  }

  /** The next leader has the ledger, but not the bytes that the app has replaced meanwhile. */
  private async recordQueued(): Promise<void> {
    const { history } = this.context.backend;
    if (!history || (this.queue.length === 0 && !this.running)) return;
    const limit = setTimeout(() => {
      this.ending.abort();
    }, CLOSE_MS);
    await this.running;
    this.hasMore = false;
    if (this.queue.length > 0) await this.run(history);
    clearTimeout(limit);
  }

  private enqueue(entries: readonly Entry[]): void {
    const { me } = this.context;
    for (const entry of entries) {
      this.reportFull(entry);
      // Versions that it replaced are most likely in the queue. The ledger names the others.
      if (entry.toRecord?.some(({ by }) => by === me)) this.hasMore = true;
      if (entry.unrecorded !== true || entry.capturedBy !== me) continue;
      if (!this.queue.add(entry)) this.hasMore = true;
    }
    this.poll();
  }

  private runSoon(): void {
    const { history } = this.context.backend;
    if (!history || this.running || this.timer || this.isClosing) return;
    const wait = Math.max(DELAY_MS, this.nextTryAt - performance.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.running = this.run(history).finally(() => {
        this.running = undefined;
        if (this.queue.length > 0) this.runSoon();
      });
    }, wait);
    this.timer.unref();
  }

  /** Never rejects. */
  private async run(history: History): Promise<void> {
    const { signal } = this.ending;
    let taken: readonly QueuedVersion[] = [];
    this.bytes.startRound();
    try {
      if (!this.isOpen) {
        await this.state.announce(history, await history.open(signal));
        this.isOpen = true;
      }
      let hasRecorded = false;
      for (;;) {
        await giveWay(this.context, signal, () => this.queue.isNearlyFull || this.isClosing);
        taken = await this.take();
        if (signal.aborted) break;
        if (taken.length > 0) await this.record(history, taken);
        else if (this.missing.length > 0) await this.recordMissing(history);
        else if (this.hasMore) continue;
        else break;
        this.queue.release(taken);
        taken = [];
        hasRecorded = true;
      }
      this.failures = 0;
      await this.state.recordFailure(undefined);
      if (hasRecorded) this.onRecorded();
    } catch (error) {
      // The entries still say that they are not recorded; the queue has the bytes.
      this.hasMore = true;
      this.after = undefined;
      this.missing = [];
      this.queue.putBack(taken);
      if (hasErrorCode(error, 'DISK_FULL')) this.queue.closeFiles();
      if (signal.aborted || hasErrorCode(error, 'CANCELLED')) return;
      await this.handleFailure(error);
    }
  }

  private async take(): Promise<readonly QueuedVersion[]> {
    if (this.ending.signal.aborted) return [];
    if (this.queue.length > 0) return this.queue.take(BATCH);
    if (!this.hasMore || this.missing.length > 0) return [];
    const { ledger } = this.context;
    const hosts = listRecordedHosts(this.context, recordsNone);
    const entries = await ledger.findUnrecorded(hosts, BATCH, this.after);
    this.after = entries.length < BATCH ? undefined : entries.at(-1)?.path;
    this.hasMore = this.after !== undefined;
    return entries
      .flatMap((entry) => listRecordRequests(entry, hosts))
      .map((request) => ({ request }));
  }

  /**
   * Leaves out replaced versions of paths that a person asked to forget after they were captured.
   * A version that is still current is recorded: its file is there. The others get the time of the
   * request, since the versions that they replace lie in the history until this host forgets them.
   */
  private async dropForgotten<T extends { readonly request: RecordRequest }>(
    versions: readonly T[],
  ): Promise<readonly T[]> {
    const { ledger, forgotten } = this.context;
    const last = await forgotten.findLast(versions.map(({ request }) => request.path));
    const dated = versions.map((one) => {
      const forgottenAt = last.get(one.request.path);
      return forgottenAt ? { ...one, request: { ...one.request, forgottenAt } } : one;
    });
    const asked = dated.filter(
      ({ request: { at, forgottenAt } }) => forgottenAt && at <= forgottenAt,
    );
    if (asked.length === 0) return dated;
    // The queue does not know which of its versions were replaced meanwhile.
    const now = await ledger.readMany(asked.map(({ request }) => request.path));
    const dropped = new Set(
      asked.filter(({ request }) => now.get(request.path)?.version !== request.version),
    );
    await ledger.markRecorded([...dropped].map(({ request }) => request));
    return dated.filter((one) => !dropped.has(one));
  }

  private async record(history: History, taken: readonly QueuedVersion[]): Promise<void> {
    const { signal } = this.ending;
    const wanted = await this.dropForgotten(taken);
    if (wanted.length === 0) return;
    const requests = await Promise.all(
      wanted.map(async ({ request, opened }) => {
        const file = await opened;
        return file ? { ...request, file } : request;
      }),
    );
    const unrecorded = await history.record(requests, signal);
    const done = new Set(requests);
    for (const { request, failure, isGone } of unrecorded) {
      if (isGone === true || failure.retryable) done.delete(request);
      if (isGone === true) this.addMissing(request, failure);
      else this.report(failure);
    }
    await this.context.ledger.markRecorded([...done]);
  }

  /** Versions of the queue may find no room. The ledger names them. */
  private addMissing({ file: _, bytes: __, ...request }: RecordRequest, failure: Failure): void {
    if (this.missing.length < MAX_MISSING) this.missing.push({ request, failure });
    else this.hasMore = true;
  }

  private async recordMissing(history: History): Promise<void> {
    const wanted = await this.dropForgotten(this.missing.splice(0, 1));
    for (const one of wanted)
      if (await this.recordElsewhere(history, one))
        await this.context.ledger.markRecorded([one.request]);
  }

  /** Records a version that is no longer at its path. Returns false if that has to wait. */
  private async recordElsewhere(
    history: History,
    { request, failure }: MissingVersion,
  ): Promise<boolean> {
    const { signal } = this.ending;
    const found = await this.bytes.find(request, signal);
    if (found === 'later') return false;
    // The search may take long, and a person may have asked to forget the path meanwhile.
    const [wanted] = await this.dropForgotten([{ request }]);
    if (!wanted) {
      if (found !== 'lost') await found.close();
      return true;
    }
    if (found === 'lost') {
      this.report(failure);
      await history.record([{ ...wanted.request, isLost: true }], signal);
      return true;
    }
    try {
      const [unrecorded] = await history.record([{ ...wanted.request, file: found }], signal);
      if (unrecorded) this.report(unrecorded.failure);
      return unrecorded === undefined || !(unrecorded.failure.retryable || unrecorded.isGone);
    } finally {
      await found.close();
    }
  }

  private reportFull({ path, toRecord = [] }: Entry): void {
    if (toRecord.length < toRecordLimit) this.reported.delete(path);
    else if (!this.reported.has(path) && this.reported.size < MAX_REPORTED) {
      this.reported.add(path);
      this.report({
        code: 'NOT_RECORDED',
        message:
          `${String(toRecordLimit)} replaced versions of ${quotePath(path)} wait to be recorded. ` +
          `Each further save takes the oldest one from the history. Run \`syncmedia doctor\`: it ` +
          `names why nothing is recorded.`,
      });
    }
  }

  private report({ code, message }: Pick<Failure, 'code' | 'message'>): void {
    this.context.events.emit('failed', {
      doing: this.name,
      error: Object.assign(new Error(message), { code }),
    });
  }

  private async handleFailure(error: unknown): Promise<void> {
    const { events, tuning } = this.context;
    this.failures++;
    this.isOpen = false;
    this.nextTryAt =
      performance.now() +
      computeBackoff(this.failures, tuning.backoffMs, tuning.backoffMaxMs, Math.random());
    events.emit('failed', { doing: this.name, error });
    await this.state.recordFailure(error).catch((failed: unknown) => {
      events.emit('failed', {
        doing: 'storing why the history fails',
        error: new Error(getErrorMessage(failed), { cause: failed }),
      });
    });
    this.runSoon();
  }
}

/** Versions of such a host fall to another one. */
function recordsNone({ status, backend }: Host): boolean {
  return status === 'retired' || backend === 'rsync';
}
