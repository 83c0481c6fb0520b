import type { LeaderContext } from '../../context/leader-context.js';
import { chooseReceivingHosts } from '../../decisions/receiving-hosts.js';
import type { Entry } from '../../model/entry.js';
import type { RecordRequest } from '../../model/history.js';
import type { HistoryAdoption } from '../../model/host.js';
import type { History, UnrecordedVersion } from '../../transport/history.js';
import type { HistoryStateStore } from '../history-state.js';
import type { LeaderJob } from '../leader-job.js';
import { listRecordedHosts } from '../recorded-hosts.js';
import { toRecordRequest } from './to-record-request.js';

/** What one poll records: so many files, and no more once so many bytes are reached. */
const BATCH = 100;
const BATCH_BYTES = 64 * 1024 * 1024;
/** After a failure, in milliseconds. */
const RETRY_MS = 60_000;
/**
 * The existing files of all hosts take at most this share of the limit, since each host gets them.
 * The rest is for versions to come.
 */
const MAX_SHARE = 0.5;

/**
 * Records the files that existed before this host had a history, so that their first replacement
 * can be undone. It takes a few at each poll, and only while no file is on its way to another host.
 */
export class AdoptHistory implements LeaderJob {
  readonly name = 'adopting existing files into the history';
  private readonly ending = new AbortController();
  private running: Promise<void> | undefined;
  private nextAt = 0;
  /** The next file is in a sync dir that was not mounted. Until it is, only that one is tried. */
  private isHeldUp = false;

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'backend' | 'config' | 'ledger' | 'me' | 'events' | 'tuning' | 'registry'
    >,
    private readonly state: HistoryStateStore,
    private readonly onRecorded: () => void,
  ) {}

  async poll(): Promise<void> {
    const { backend, tuning, registry, ledger, me } = this.context;
    // A command that leads for a moment has other limits than the application.
    if (!backend.history || !tuning.scansPeriodically || this.running) return;
    const { adoption } = this.state;
    if (!adoption || adoption.endedAt || performance.now() < this.nextAt) return;
    if (await ledger.hasPending(me, chooseReceivingHosts(registry.me(), registry.all()))) return;
    if (this.ending.signal.aborted) return;
    this.running = this.adopt(backend.history, adoption).finally(() => {
      this.running = undefined;
    });
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  /** Never rejects. */
  private async adopt(history: History, adoption: HistoryAdoption): Promise<void> {
    const { ledger, me, events } = this.context;
    // Every host adopts the files that it captured itself.
    const capturedBy = listRecordedHosts(this.context, ({ status }) => status === 'retired');
    try {
      const found = await ledger.findAdoptable(
        { heldBy: me, capturedBy, before: adoption.since },
        BATCH,
        adoption.after,
      );
      const tried = this.choose(this.isHeldUp ? found.slice(0, 1) : found, adoption);
      const unrecorded = await history.record(tried.taken.map(toAdoptRequest), this.ending.signal);
      this.report(unrecorded);
      const failures = new Map(unrecorded.map(({ request, failure }) => [request.path, failure]));
      const end = tried.taken.findIndex(({ path }) => failures.get(path)?.code === 'NO_MARKER');
      this.isHeldUp = end >= 0;
      if (this.isHeldUp) this.nextAt = performance.now() + RETRY_MS;
      const done = this.isHeldUp ? this.choose(found.slice(0, end), adoption) : tried;
      const { taken, bytes, isFull } = done;
      const last = taken.at(-1);
      const recorded = taken.filter(({ path }) => !failures.has(path)).length;
      await this.state.recordAdoption({
        ...adoption,
        files: adoption.files + recorded,
        bytes: adoption.bytes + bytes,
        ...(last && { after: last.path }),
        ...(!this.isHeldUp && (isFull || !last) && { endedAt: new Date() }),
        ...(isFull && { isFull }),
      });
      if (recorded > 0) this.onRecorded();
    } catch (error) {
      if (this.ending.signal.aborted) return;
      this.nextAt = performance.now() + RETRY_MS;
      events.emit('failed', { doing: this.name, error });
    }
  }

  /** Chooses the first files, as far as the batch and the limit allow. */
  private choose(
    found: readonly Entry[],
    adoption: HistoryAdoption,
  ): { taken: Entry[]; bytes: number; isFull: boolean } {
    const { backend, history } = this.context.config;
    const { maxBytes, maxFileBytes } = history;
    // An annex also keeps the bytes of files that git would only name.
    const largest = backend === 'git-annex' ? maxBytes : maxFileBytes;
    const room = maxBytes * MAX_SHARE - this.sumOthers() - adoption.bytes;
    const taken: Entry[] = [];
    let bytes = 0;
    for (const entry of found) {
      const size = entry.info && entry.info.size <= largest ? entry.info.size : 0;
      if (bytes + size > room) return { taken, bytes, isFull: true };
      if (taken.length > 0 && bytes + size > BATCH_BYTES) break;
      taken.push(entry);
      bytes += size;
    }
    return { taken, bytes, isFull: false };
  }

  /** A file that changed meanwhile is no failure: its new version is recorded as it is captured. */
  private report(unrecorded: readonly UnrecordedVersion[]): void {
    for (const { failure } of unrecorded)
      if (failure.code !== 'NOT_RECORDED')
        this.context.events.emit('failed', {
          doing: this.name,
          error: Object.assign(new Error(failure.message), { code: failure.code }),
        });
  }

  /** The bytes that the other hosts have adopted, as their rows say. */
  private sumOthers(): number {
    const { registry, me } = this.context;
    return registry
      .recipients()
      .reduce((sum, { id, history }) => sum + (id === me ? 0 : (history?.adoption?.bytes ?? 0)), 0);
  }
}

/** Leaves out the versions that the file replaced long ago: they need not be kept from today. */
function toAdoptRequest(entry: Entry): RecordRequest {
  const { replaces: _, ...request } = toRecordRequest(entry);
  return request;
}
