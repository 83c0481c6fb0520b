import type { FileHandle } from 'node:fs/promises';
import type { LeaderContext } from '../context/leader-context.js';
import type { Entry } from '../model/entry.js';
import type { RecordRequest } from '../model/history.js';
import { toRecordRequest } from './jobs/to-record-request.js';

/** So many versions are kept in memory until they are recorded. The ledger names the others. */
const MAX_VERSIONS = 2_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** Beyond this share of any limit, versions are recorded beside deliveries. */
const NEARLY_FULL = 0.75;
/** So many files are kept open, with so many bytes: one that is removed still occupies them. */
const MAX_FILES = 64;
const MAX_OPEN_BYTES = 1024 ** 3;

/** A version to record, with its file if that was opened. */
export interface QueuedVersion {
  readonly request: RecordRequest;
  readonly opened?: Promise<FileHandle | undefined>;
}

/**
 * Versions that this host has just captured. The app may replace a file before its version is
 * recorded, so the queue has the bytes of small files, and keeps others open: a file that is
 * renamed over or removed can still be read then. One that is written to in place has another
 * sha256, and is not recorded.
 */
export class RecordQueue {
  private queued: QueuedVersion[] = [];
  private bytes = 0;
  private files = 0;
  private openBytes = 0;

  constructor(
    private readonly replica: Pick<LeaderContext['replica'], 'findRecentBytes' | 'open'>,
    /** Larger files are not kept open, since the history takes only their names. */
    private readonly maxFileBytes: number,
  ) {}

  get length(): number {
    return this.queued.length;
  }

  /** Whether there will soon be no room. */
  get isNearlyFull(): boolean {
    return (
      this.length > NEARLY_FULL * MAX_VERSIONS ||
      this.bytes > NEARLY_FULL * MAX_BYTES ||
      this.files > NEARLY_FULL * MAX_FILES ||
      this.openBytes > NEARLY_FULL * MAX_OPEN_BYTES
    );
  }

  /** Returns false if there is no room. */
  add(entry: Entry): boolean {
    const { path, info } = entry;
    const bytes = info?.sha256 && this.replica.findRecentBytes(path, info.sha256);
    const request = { ...toRecordRequest(entry), ...(bytes && { bytes }) };
    if (!this.hasRoom(request)) return false;
    const opened = bytes ? undefined : this.open(entry);
    this.push({ request, ...(opened && { opened }) });
    return true;
  }

  /** Takes the oldest versions. The caller releases them, or puts them back. */
  take(limit: number): QueuedVersion[] {
    const taken = this.queued.splice(0, limit);
    for (const { request } of taken) this.bytes -= request.bytes?.length ?? 0;
    return taken;
  }

  /** Puts those back whose bytes may be nowhere else. The ledger names the others. */
  putBack(taken: readonly QueuedVersion[]): void {
    for (const one of taken) {
      const isKept = one.request.bytes !== undefined || one.opened !== undefined;
      if (isKept && this.hasRoom(one.request)) this.push(one);
      else this.release([one]);
    }
  }

  release(taken: readonly QueuedVersion[]): void {
    for (const { opened, request } of taken) {
      if (!opened) continue;
      this.files--;
      this.openBytes -= request.info?.size ?? 0;
      // The file was only read, so an error while closing it changes nothing.
      void opened.then((file) => file?.close()).catch(() => undefined);
    }
  }

  /** Closes all files, so that the disk gets the space of those that are removed. */
  closeFiles(): void {
    const open = this.queued.filter(({ opened }) => opened !== undefined);
    this.queued = this.queued.filter(({ opened }) => opened === undefined);
    this.release(open);
  }

  clear(): void {
    this.release(this.take(this.queued.length));
  }

  private push(one: QueuedVersion): void {
    this.bytes += one.request.bytes?.length ?? 0;
    this.queued.push(one);
  }

  private hasRoom({ bytes }: RecordRequest): boolean {
    return (
      this.queued.length < MAX_VERSIONS &&
      (bytes === undefined || this.bytes + bytes.length <= MAX_BYTES)
    );
  }

  private open({ path, info }: Entry): Promise<FileHandle | undefined> | undefined {
    if (!info || info.size > this.maxFileBytes || this.files >= MAX_FILES) return undefined;
    if (this.openBytes + info.size > MAX_OPEN_BYTES) return undefined;
    this.files++;
    this.openBytes += info.size;
    return this.replica.open(path).then(
      (file) => file?.handle,
      () => undefined,
    );
  }
}
