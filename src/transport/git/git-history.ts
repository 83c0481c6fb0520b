import { join } from 'node:path';
import { DAY_MS, formatDay } from '../../model/clock.js';
import type { Failure } from '../../model/failure.js';
import type { ForgetRequest, RecordedVersion, RecordRequest } from '../../model/history.js';
import type { Host } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import type { History, HistorySize, UnrecordedVersion } from '../history.js';
import type { BackendOptions, HistoryPlace } from '../options.js';
import { findVersionsAt } from './find-at.js';
import { findEarlierRecords } from './carry-over.js';
import { forgetPaths } from './forget.js';
import { writeBundle } from './bundle.js';
import { HistoryWork } from './history-work.js';
import { findRevisions, listVersions, readVersion } from './list.js';
import { countParts, maintainRepository, type MeasureKept } from './maintain.js';
import { recordVersions } from './record.js';
import { Repository, type HistoryDay } from './repository.js';
import { readSmallVersions } from './read-small.js';
import { SharedDays } from './shared-days.js';
import { planPushes } from './push-steps.js';
import { pushDays } from './share.js';

/** git looks into one file for each loose object, and into each pack; more make it slow. */
const MAX_LOOSE_OBJECTS = 5_000;
/** A hundred new files at once are a pack. Packed by size, few remain. */
const MAX_PACKS = 50;
/** The other host's gate refuses more than 2 GiB, and more than its limit of the whole history. */
const MAX_PUSH_BYTES = 512 * 1024 * 1024,
  PUSH_SHARE = 1 / 4;

/**
 * The history of a host in a bare git repository in its state folder. Writing operations of this
 * process follow each other, so that none meets another one's locks.
 */
export class GitHistory implements History {
  readonly place: string;
  readonly repository: Repository;
  private readonly shared: SharedDays;
  private readonly work = new HistoryWork();

  constructor(
    private readonly options: Pick<BackendOptions, 'replica' | 'self' | 'ssh' | 'timeoutMs'>,
    private readonly limits: HistoryPlace,
    /** Bytes that are kept outside the repository. Default none. */
    private readonly measureKept?: MeasureKept,
  ) {
    this.place = join(limits.stateDir, 'git');
    this.repository = new Repository(this.place, options.self, Math.max(options.timeoutMs, 60_000));
    this.shared = new SharedDays(join(limits.stateDir, 'git-shared.json'));
  }

  open(signal: AbortSignal): Promise<boolean> {
    return this.work.write(signal, (both) => this.repository.open(both));
  }

  /**
   * @param now of the call. It may wait for a packing, and a request to forget its paths that comes
   *   meanwhile has to find it older than itself.
   */
  record(
    requests: readonly RecordRequest[],
    signal: AbortSignal,
    now = this.now(),
  ): Promise<readonly UnrecordedVersion[]> {
    const { repository, limits } = this;
    const context = {
      repository,
      limits,
      replica: this.options.replica,
      hostname: limits.hostname,
    };
    return this.work.write(signal, (both) => recordVersions(context, requests, both, now));
  }

  /** Finds the requests for replaced versions that were recorded before. */
  listRecorded(
    requests: readonly RecordRequest[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<RecordRequest>> {
    return this.work.run(signal, async (both) => {
      const today = formatDay(this.now());
      return (await findEarlierRecords(this.repository, requests, today, both)).recorded;
    });
  }

  /** Sends the days that have grown since they were sent to that host. */
  share(to: Host, signal: AbortSignal): Promise<Failure | undefined> {
    return this.work.run(signal, async (both) => {
      const days = await this.listOwnDays(both);
      const missing = await this.shared.listMissing(to, days);
      if (missing.length === 0) return undefined;
      const ends = { repository: this.repository, ssh: this.options.ssh };
      const ranges = await Promise.all(
        missing.map(async (day) => ({
          ...day,
          from: await this.shared.findTip(to, day.ref),
        })),
      );
      const most = Math.min(MAX_PUSH_BYTES, this.limits.maxBytes * PUSH_SHARE);
      const pushes = await planPushes(this.repository, ranges, most, both);
      for (const push of pushes) {
        const failure = await pushDays(ends, to, push, both);
        if (failure) return failure;
        if (pushes.length > 1) await this.shared.extend(to, push);
      }
      await this.shared.add(to, days);
      return undefined;
    });
  }

  list(path: Path, limit: number, signal: AbortSignal): Promise<RecordedVersion[]> {
    return this.work.run(signal, (both) => listVersions(this.repository, path, limit, both));
  }

  findRevisions(path: Path, beginning: string, signal: AbortSignal): Promise<RecordedVersion[]> {
    return this.work.run(signal, (both) => findRevisions(this.repository, path, beginning, both));
  }

  findAt(
    paths: readonly Path[],
    time: Date,
    signal: AbortSignal,
  ): Promise<Map<Path, RecordedVersion>> {
    return this.work.run(signal, (both) => findVersionsAt(this.repository, paths, time, both));
  }

  async *read(version: RecordedVersion, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const joined = this.work.join(signal);
    try {
      yield* readVersion(this.repository, version, joined.signal);
    } finally {
      joined.release();
    }
  }

  readSmall(
    versions: readonly RecordedVersion[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<RecordedVersion, Uint8Array>> {
    return this.work.run(signal, (both) => readSmallVersions(this.repository, versions, both));
  }

  async *bundle(since: Date, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const joined = this.work.join(signal);
    try {
      yield* writeBundle(this.repository, since, joined.signal);
    } finally {
      joined.release();
    }
  }

  forget(requests: readonly ForgetRequest[], signal: AbortSignal): Promise<boolean> {
    return this.work.write(signal, (both) => forgetPaths(this.repository, requests, both));
  }

  async needsPacking(signal: AbortSignal): Promise<boolean> {
    const parts = await this.work.run(signal, (both) => countParts(this.repository, both));
    return parts.looseObjects > MAX_LOOSE_OBJECTS || parts.packs > MAX_PACKS;
  }

  maintain(signal: AbortSignal, now = this.now()): Promise<HistorySize> {
    const { repository, limits, measureKept } = this;
    return this.work.write(signal, (both) =>
      maintainRepository(repository, limits, both, measureKept, now),
    );
  }

  async close(): Promise<void> {
    await this.work.close();
  }

  /** Lists the days of this host that the limits allow, which the other hosts get. */
  async listOwnDays(signal: AbortSignal): Promise<HistoryDay[]> {
    const now = this.now().getTime();
    const first = formatDay(new Date(now - this.limits.days * DAY_MS));
    const days = await this.repository.listDays(signal);
    return days.filter(({ host, day }) => host === this.options.self && day >= first);
  }

  /** By the clock of the database. */
  now(): Date {
    return this.limits.now?.() ?? new Date();
  }
}
