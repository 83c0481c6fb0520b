import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../model/errors.js';
import type { NamedPaths } from '../model/capture.js';
import type { Path } from '../model/path.js';

interface NamedPathsQuestion {
  readonly paths: readonly Path[];
  resolve(this: void, named: NamedPaths): void;
  reject(this: void, error: unknown): void;
}

/** Questions that one search answers. */
const questionsPerSearch = 1_000;
/**
 * After a search it pauses for four times the duration of the search, which may read whole
 * collections in a process that serves requests.
 */
const restFactor = 4,
  longestRestMs = 60_000;

/**
 * Finds the paths that documents name. One search runs at a time and answers everyone who asked
 * before it began.
 */
export class NamedSearch {
  private waiting: NamedPathsQuestion[] = [];
  private running: Promise<void> | undefined;
  private restUntil = 0;

  /** @param signal aborts the search; questions then fail with CANCELLED */
  constructor(
    private readonly findNamed: (
      paths: readonly Path[],
      signal: AbortSignal,
    ) => Promise<NamedPaths>,
    private readonly signal: AbortSignal,
  ) {}

  /** @throws CANCELLED; the database's errors */
  findNamedPaths(paths: readonly Path[]): Promise<NamedPaths> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ paths, resolve, reject });
      this.running ??= this.runSearches().finally(() => {
        this.running = undefined;
      });
    });
  }

  private async runSearches(): Promise<void> {
    while (this.waiting.length > 0) {
      const restMs = this.restUntil - performance.now();
      // If the pause is aborted, the search throws.
      if (restMs > 0)
        await sleep(restMs, undefined, { signal: this.signal, ref: false }).catch(() => undefined);
      await this.search(this.waiting.splice(0, questionsPerSearch));
    }
  }

  private async search(questions: readonly NamedPathsQuestion[]): Promise<void> {
    const begun = performance.now();
    try {
      this.signal.throwIfAborted();
      const named = await this.findNamed(
        [...new Set(questions.flatMap(({ paths }) => paths))],
        this.signal,
      );
      for (const { resolve } of questions) resolve(named);
    } catch (error) {
      const reported = this.signal.aborted
        ? new SyncMediaError('CANCELLED', 'the search for documents that name a file was ended', {
            cause: error,
          })
        : error;
      for (const { reject } of questions) reject(reported);
    }
    const now = performance.now();
    this.restUntil = now + Math.min(longestRestMs, restFactor * (now - begun));
  }
}
