import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { hasErrorCode, SyncMediaError } from '../../model/errors.js';
import type { Failure } from '../../model/failure.js';
import type {
  ForgetRequest,
  RecordedVersion,
  RecordRequest,
  RemoteCopy,
} from '../../model/history.js';
import type { Host } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import { quotePath } from '../../replica/paths.js';
import { GitHistory } from '../git/git-history.js';
import { HistoryWork } from '../git/history-work.js';
import { SharedDays } from '../git/shared-days.js';
import type { BlobAnswer } from '../git/write-blob.js';
import type { History, HistorySize, UnrecordedVersion } from '../history.js';
import type { BackendOptions, HistoryPlace } from '../options.js';
import { Annex } from './annex.js';
import { HostFetcher, makeNowhereError } from './fetch.js';
import { keepVersion } from './keep.js';
import { makeKey, type AnnexKey } from './key.js';
import { listReferences } from './references.js';
import { sendKeys } from './send.js';
import {
  fetchFromRemote,
  findOnRemotes,
  listCopies,
  readRemotes,
  warnOfCopies,
} from './special-remotes.js';

/** The annex may exceed the limit of the history by this factor until the next cleaning. */
const SLACK = 1.5;
/** How many versions of a path are looked for on special remotes. */
const MOST_VERSIONS = 10_000;

/**
 * The history in git, with large files by key in an annex. git knows such a file by name and
 * hash; the annex has its bytes. So each key that is kept is one that git's days refer to.
 */
export class AnnexHistory implements History {
  readonly place: string;
  readonly annexPlace: string;
  private readonly git: GitHistory;
  private readonly annex: Annex;
  private readonly shared: SharedDays;
  private readonly work = new HistoryWork();
  private readonly fetching = new HistoryWork();
  private readonly fetcher: HostFetcher;
  /** Bytes in the annex, as far as this process knows. */
  private keptBytes = 0;
  /** The same after the last cleaning. */
  private cleanedBytes = 0;

  constructor(
    private readonly options: BackendOptions,
    private readonly limits: HistoryPlace & Required<Pick<HistoryPlace, 'annex'>>,
  ) {
    const { stateDir, annex } = limits;
    this.git = new GitHistory(
      options,
      { ...limits, maxFileBytes: annex.largerThan },
      (revisions, signal) => this.measureReferenced(revisions, signal),
    );
    this.place = this.git.place;
    this.annexPlace = join(stateDir, 'annex');
    this.annex = new Annex(this.annexPlace, options.self, Math.max(options.timeoutMs, 60_000));
    this.shared = new SharedDays(join(stateDir, 'annex-shared.json'));
    this.fetcher = new HostFetcher({ annex: this.annex, ssh: options.ssh });
  }

  async open(signal: AbortSignal): Promise<boolean> {
    const isNew = await this.git.open(signal);
    await this.work.write(signal, async (both) => {
      await this.annex.open(both);
      this.keptBytes = await this.measureAll(await this.annex.listKeys());
    });
    return isNew;
  }

  record(
    requests: readonly RecordRequest[],
    signal: AbortSignal,
  ): Promise<readonly UnrecordedVersion[]> {
    const now = this.git.now();
    return this.work.write(signal, async (both) => {
      const unrecorded: UnrecordedVersion[] = [],
        recorded: RecordRequest[] = [],
        keys: AnnexKey[] = [];
      const known = await this.git.listRecorded(requests, both);
      for (const request of requests) {
        const { info } = request;
        if (known.has(request)) continue;
        if (!info || info.size <= this.limits.annex.largerThan || request.isLost === true) {
          recorded.push(request);
          continue;
        }
        const answer = await this.keep(request, info, both);
        if ('failure' in answer) unrecorded.push({ request, ...answer });
        else keys.push(...[makeKey({ ...info, ...answer })].filter((key) => key !== undefined));
        const { bytes: _, file: __, ...named } = request;
        // git names it in any case, so that the trail is complete.
        if (!('failure' in answer) || !(answer.failure.retryable || answer.isGone === true))
          recorded.push({ ...named, info: { ...info, ...('sha256' in answer && answer) } });
      }
      await this.annex.notePresent(keys, both);
      return [...unrecorded, ...(await this.git.record(recorded, both, now))];
    });
  }

  async share(to: Host, signal: AbortSignal): Promise<Failure | undefined> {
    const failure = await this.git.share(to, signal);
    const { on } = this.limits.annex;
    if (failure || to.backend !== 'git-annex' || (on !== 'all' && !on.includes(to.hostname)))
      return failure;
    return this.work.run(signal, (both) => this.shareKeys(to, both));
  }

  /** A large file whose bytes are here, or on a special remote, counts as stored. */
  async list(path: Path, limit: number, signal: AbortSignal): Promise<RecordedVersion[]> {
    const versions = await this.git.list(path, limit, signal);
    return this.addBytes(versions, signal);
  }

  async findRevisions(
    path: Path,
    beginning: string,
    signal: AbortSignal,
  ): Promise<RecordedVersion[]> {
    return this.addBytes(await this.git.findRevisions(path, beginning, signal), signal);
  }

  async findAt(
    paths: readonly Path[],
    time: Date,
    signal: AbortSignal,
  ): Promise<Map<Path, RecordedVersion>> {
    const versions = await this.git.findAt(paths, time, signal);
    const all = await this.addBytes([...versions.values()], signal);
    return new Map(all.map((version) => [version.path, version]));
  }

  bring(version: RecordedVersion, from: readonly Host[], signal: AbortSignal): Promise<void> {
    // One after the other: many pictures of one page must not fill the line.
    return this.fetching.write(signal, async (both) => {
      const key = version.info && makeKey(version.info);
      if (version.as !== 'named' || key === undefined || (await this.has(version))) return;
      await this.fetch(key, both);
      if (await this.has(version)) return;
      await this.requireRoom(version);
      const asked = await this.fetcher.fetch(key, from, both);
      if (asked) throw makeNowhereError(version, asked);
    });
  }

  async *read(version: RecordedVersion, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const key = version.info && makeKey(version.info);
    if (key !== undefined && !(await this.has(version))) await this.fetch(key, signal);
    if (key === undefined || !(await this.has(version))) {
      if (version.as === 'named') throw makeAbsentError(version, key);
      // Before this backend was chosen, or with another limit, git stored larger files too.
      yield* this.git.read(version, signal);
      return;
    }
    const joined = this.work.join(signal);
    const hash = createHash('sha256');
    try {
      for await (const bytes of createReadStream(this.annex.locate(key), {
        signal: joined.signal,
      }) as AsyncIterable<Buffer>) {
        hash.update(bytes);
        yield bytes;
      }
    } finally {
      joined.release();
    }
    if (hash.digest('hex') !== version.info?.sha256)
      throw new SyncMediaError(
        'HISTORY_FAILED',
        `The annex has other bytes of ${quotePath(version.path)} than it says: choose another ` +
          `version, and look at the disk of this host.`,
      );
  }

  /** Those in the annex are read one after the other. */
  readSmall(
    versions: readonly RecordedVersion[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<RecordedVersion, Uint8Array>> {
    return this.git.readSmall(versions, signal);
  }

  bundle(since: Date, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.git.bundle(since, signal);
  }

  forget(requests: readonly ForgetRequest[], signal: AbortSignal): Promise<boolean> {
    return this.work.write(signal, async (both) => {
      const paths = requests.map(({ path }) => path);
      const keys = await this.listRemoteKeys(paths, both);
      const hasRemoved = await this.git.forget(requests, both);
      // What a crash keeps from being dropped here, the next cleaning drops.
      if (hasRemoved) {
        const referenced = await this.dropUnused(both);
        const unused = keys.filter((key) => !referenced.has(key));
        await warnOfCopies(this.annex, unused, this.options.log, both);
      }
      return hasRemoved;
    });
  }

  listRemoteCopies(path: Path, signal: AbortSignal): Promise<RemoteCopy[]> {
    return this.work.run(signal, async (both) =>
      listCopies(this.annex, await this.listRemoteKeys([path], both), both),
    );
  }

  async needsPacking(signal: AbortSignal): Promise<boolean> {
    const isFull = this.keptBytes > Math.max(this.limits.maxBytes, this.cleanedBytes);
    return isFull || (await this.git.needsPacking(signal));
  }

  maintain(signal: AbortSignal, now?: Date): Promise<HistorySize> {
    return this.work.write(signal, async (both) => {
      const size = await this.git.maintain(both, now).catch(async (error: unknown) => {
        // The days are gone already. Without their contents there may be room for the packing.
        if (hasErrorCode(error, 'DISK_FULL')) await this.dropUnused(both).catch(() => undefined);
        throw error;
      });
      await this.dropUnused(both);
      await this.annex.tidy(both);
      this.cleanedBytes = this.keptBytes;
      return { ...size, bytes: size.bytes + this.keptBytes };
    });
  }

  async close(): Promise<void> {
    await this.fetching.close();
    await this.work.close();
    await this.git.close();
  }

  private async keep(
    request: RecordRequest,
    info: NonNullable<RecordRequest['info']>,
    signal: AbortSignal,
  ): Promise<BlobAnswer> {
    const { maxBytes } = this.limits;
    if (this.keptBytes + info.size > SLACK * maxBytes)
      return {
        failure: {
          code: 'NOT_RECORDED',
          message:
            `The history is full, so it has ${quotePath(request.path)} by name and hash only: ` +
            `raise SYNCMEDIA_HISTORY_MAX_BYTES, or wait until it is cleaned.`,
          retryable: false,
          scope: 'path',
        },
      };
    const before = await this.measureAll([makeKey(info)]);
    const answer = await keepVersion(this.annex, this.options.replica, request, info, signal);
    if ('sha256' in answer) this.keptBytes += info.size - before;
    return answer;
  }

  /** Sends the contents of the days that have grown since they were sent to that host. */
  private async shareKeys(to: Host, signal: AbortSignal): Promise<Failure | undefined> {
    const days = await this.git.listOwnDays(signal);
    const missing = await this.shared.listMissing(to, days);
    const keys = new Set<AnnexKey>();
    for (const { ref, tip } of missing) {
      const sent = await this.shared.findTip(to, ref);
      const grown = sent === undefined ? [tip] : [tip, `^${sent}`];
      for (const key of await listReferences(this.git.repository, grown, signal))
        if ((await this.annex.measure(key)) !== undefined) keys.add(key);
    }
    const ends = { annex: this.annex, ssh: this.options.ssh };
    const failure = await sendKeys(ends, to, [...keys], signal);
    if (failure === undefined && missing.length > 0) await this.shared.add(to, days);
    return failure;
  }

  private async addBytes(
    versions: readonly RecordedVersion[],
    signal: AbortSignal,
  ): Promise<RecordedVersion[]> {
    const here = new Set<AnnexKey>(),
      absent = new Set<AnnexKey>();
    for (const version of versions) {
      const key = version.as === 'named' && version.info ? makeKey(version.info) : undefined;
      if (key) ((await this.has(version)) ? here : absent).add(key);
    }
    const elsewhere = await this.work.run(signal, (both) =>
      findOnRemotes(this.annex, [...absent], both),
    );
    return versions.map((version) => {
      const key = version.as === 'named' && version.info ? makeKey(version.info) : undefined;
      return key && (here.has(key) || elsewhere.has(key)) ? { ...version, as: 'stored' } : version;
    });
  }

  /** Gets a content from a special remote, if one has it. */
  private fetch(key: AnnexKey, signal: AbortSignal): Promise<void> {
    return this.work.run(signal, async (both) => {
      if ((await findOnRemotes(this.annex, [key], both)).has(key))
        await fetchFromRemote(this.annex, key, both);
    });
  }

  /** Fetched bytes count like those that this host keeps. */
  private async requireRoom({ path, info }: RecordedVersion): Promise<void> {
    const kept = await this.measureAll(await this.annex.listKeys());
    if (kept + (info?.size ?? 0) <= SLACK * this.limits.maxBytes) return;
    throw new SyncMediaError(
      'HISTORY_FAILED',
      `The annex of this host has no room for this version of ${quotePath(path)}: raise ` +
        'SYNCMEDIA_HISTORY_MAX_BYTES, or wait until the history is cleaned.',
    );
  }

  private async has({ info }: RecordedVersion): Promise<boolean> {
    const key = info && makeKey(info);
    return key !== undefined && (await this.annex.measure(key)) === info?.size;
  }

  /** Lists the contents of paths, if this host has special remotes that may hold copies. */
  private async listRemoteKeys(paths: readonly Path[], signal: AbortSignal): Promise<AnnexKey[]> {
    const keys = new Set<AnnexKey>();
    if ((await readRemotes(this.annex)).size === 0) return [];
    for (const path of paths)
      for (const { as, info } of await this.git.list(path, MOST_VERSIONS, signal)) {
        const key = as === 'named' && info ? makeKey(info) : undefined;
        if (key !== undefined) keys.add(key);
      }
    return [...keys];
  }

  /**
   * Removes contents that no day refers to any more.
   *
   * @returns the contents to which days refer
   */
  private async dropUnused(signal: AbortSignal): Promise<ReadonlySet<AnnexKey>> {
    // Another host sends the days before the contents. So a content that is here before the days
    // are read is named by them, if anything names it.
    const all = await this.annex.listKeys();
    const referenced = await listReferences(this.git.repository, ['--branches'], signal);
    await this.annex.removeForeign();
    await this.annex.drop(
      all.filter((key) => !referenced.has(key)),
      signal,
    );
    this.keptBytes = await this.measureAll(await this.annex.listKeys());
    return referenced;
  }

  private async measureReferenced(
    revisions: readonly string[],
    signal: AbortSignal,
  ): Promise<number> {
    return this.measureAll(await listReferences(this.git.repository, revisions, signal));
  }

  private async measureAll(keys: Iterable<AnnexKey | undefined>): Promise<number> {
    let bytes = 0;
    for (const key of keys) bytes += (key && (await this.annex.measure(key))) ?? 0;
    return bytes;
  }
}

function makeAbsentError({ path }: RecordedVersion, key: AnnexKey | undefined): SyncMediaError {
  return new SyncMediaError(
    'NOT_RECORDED',
    `The annex of this host has no bytes of this version of ${quotePath(path)}: restore it on ` +
      `another host${key === undefined ? '' : `, or get the key ${key} from a special remote`}.`,
  );
}
