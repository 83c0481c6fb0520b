import type { Backend } from '../backends/backend.js';
import { bounded } from '../bounded.js';
import { hasCode, messageOf, SyncMediaError } from '../errors/errors.js';
import type { EventBus } from '../events.js';
import type { Known } from '../look-up.js';
import { willMakeVersion } from '../planning/reconcile.js';
import { quotePath } from '../root/paths.js';
import type { Entry, Facts, Host, HostId, Path, Version } from '../words.js';
import { openSource } from './receive.js';
import { Sources } from './sources.js';

export interface OpeningContext {
  readonly backend: Backend;
  readonly events: EventBus;
  readonly me: HostId;
  hosts(): readonly Host[];
  /** Reads the hosts anew, unless that was done lately; `isUrgent`: unless it was done right before. */
  refresh(isUrgent?: boolean): Promise<void>;
}

export interface OpeningLimits {
  readonly fileBytes: number;
  /** How long one host is waited for until its first answer. */
  readonly answerMs: number;
  /** How long a host that failed is asked last. */
  readonly shunMs: number;
}

/** A file that a host has begun to give. */
export interface Opened {
  readonly host: Host;
  readonly facts: Facts;
  readonly body: AsyncIterable<Uint8Array>;
  /** Of the entry; undefined where the host has captured it and not folded it yet. */
  readonly version: Version | undefined;
  readonly began: number;
  readonly stop: () => void;
}

/** gone: no host has it, as far as is known; unavailable: a host may have it, and none gave it. */
export type NotOpened = 'gone' | 'unavailable';

export type FileEntry = Entry & { facts: Facts };

export function fileOf({ entry }: Pick<Known, 'entry'>): FileEntry | undefined {
  return entry?.kind === 'file' && entry.facts ? entry as FileEntry : undefined;
}

/** Opens files at the hosts that have them: those that captured newer bytes first, then those that hold the entry, the quickest first. */
export class Openings {
  private readonly sources: Sources;

  constructor(private readonly context: OpeningContext, private readonly limits: OpeningLimits, private readonly ending: AbortSignal) {
    this.sources = new Sources(limits.shunMs);
  }

  async open(path: Path, known: Known): Promise<Opened | NotOpened> {
    await this.readHosts(known);
    const captured = await this.openCaptured(path, known);
    if (typeof captured !== 'string') return captured;
    const entry = fileOf(known);
    // Where no host holds the entry, as when its upload was removed before it was delivered, there is nothing to wait for.
    return entry && entry.heldBy.length > 0 ? await this.openHeld(entry) ?? 'unavailable' : captured;
  }

  /** What it was promised to give, it did not: told, and asked last from now on. */
  tellFailure(path: Path, host: Host, error: unknown): void {
    if (this.ending.aborted) return;
    this.sources.failed(host.id);
    const code = error instanceof SyncMediaError ? error.code : 'TRANSFER_FAILED';
    this.context.events.emit('unfetched', { path, host: host.id, failure: { code, message: messageOf(error), retryable: true, of: 'path' } });
  }

  /** A host that this process does not know yet may have joined right before it captured the file. */
  private async readHosts({ captured, entry }: Known): Promise<void> {
    const { context } = this;
    await this.refresh(false);
    const ids = [...captured.map(({ host }) => host), ...entry?.heldBy ?? []], hosts = context.hosts();
    if (!ids.every((id) => hosts.some((host) => host.id === id))) await this.refresh(true);
  }

  private refresh(isUrgent: boolean): Promise<void> {
    return bounded(this.context.refresh(isUrgent), this.limits.answerMs, 'the database');
  }

  private async openCaptured(path: Path, { captured, entry }: Known): Promise<Opened | NotOpened> {
    const { backend, me } = this.context, hosts = this.context.hosts();
    // Who waits for approval is not asked, and may have it.
    let isGone = !captured.some(({ host }) => hosts.some(({ id, status }) => id === host && status === 'pending'));
    for (const { host, captured: { asserted } } of this.sources.rankCaptured(path, captured, hosts, me)) {
      const opened = await this.tryHost(path, host, async (signal) => {
        const { facts, body } = await backend.read(host, path, signal);
        if (!willMakeVersion({ entry, found: facts, host: host.id, asserted })) return undefined;
        if (facts.size > this.limits.fileBytes) throw new SyncMediaError('TRANSFER_FAILED', `${quotePath(path)} is too large to be passed on to a visitor.`);
        return { facts, body, version: undefined };
      });
      if (opened === 'failed') isGone = false;
      else if (opened !== 'not there') return opened;
    }
    return isGone ? 'gone' : 'unavailable';
  }

  private async openHeld(entry: FileEntry): Promise<Opened | undefined> {
    const { context } = this, { path, facts, version } = entry;
    if (facts.size > this.limits.fileBytes) return undefined;
    for (const host of this.sources.rank(entry, context.hosts(), context.me)) {
      const opened = await this.tryHost(path, host, async (signal) => ({ facts, version, body: await openSource(context, host, entry, signal) }));
      if (opened === 'not there') this.tellFailure(path, host, new SyncMediaError('NOT_A_FILE', `${quotePath(path)} is not on host ${host.hostname}, which holds it.`));
      else if (opened !== 'failed') return opened;
    }
    return undefined;
  }

  private async tryHost(
    path: Path, host: Host, open: (signal: AbortSignal) => Promise<Pick<Opened, 'facts' | 'body' | 'version'> | undefined>,
  ): Promise<Opened | 'not there' | 'failed'> {
    if (this.ending.aborted) return 'failed';
    const began = performance.now();
    // For this host alone: what it does not answer in time is ended, while the next one is asked.
    const stopping = new AbortController();
    const stop = (): void => { stopping.abort(); };
    try {
      const opened = await bounded(open(AbortSignal.any([stopping.signal, this.ending])), this.limits.answerMs, `host ${host.hostname}`);
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
