import { setTimeout as sleep } from 'node:timers/promises';
import { SyncMediaError } from '../errors/errors.js';
import type { Named, Path } from '../words.js';

interface Question { readonly paths: readonly Path[]; resolve(this: void, named: Named): void; reject(this: void, error: unknown): void }

/** Questions that one search answers. */
const atOnce = 1_000;
/** After a search it rests for four times as long as that took: it may read whole collections, in a process that has requests to answer. */
const restFactor = 4, longestRestMs = 60_000;

/** Asks which paths documents name: one search at a time, which answers everyone who asked before it began. */
export class NamedSearch {
  private waiting: Question[] = [];
  private running: Promise<void> | undefined;
  private restUntil = 0;

  /** @param signal ends it; questions are then answered by CANCELLED */
  constructor(private readonly findNamed: (paths: readonly Path[], signal: AbortSignal) => Promise<Named>, private readonly signal: AbortSignal) {}

  /** @throws CANCELLED; what the database throws */
  ask(paths: readonly Path[]): Promise<Named> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ paths, resolve, reject });
      this.running ??= this.run().finally(() => { this.running = undefined; });
    });
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const restMs = this.restUntil - performance.now();
      // An early end of the rest is told by the search.
      if (restMs > 0) await sleep(restMs, undefined, { signal: this.signal, ref: false }).catch(() => undefined);
      await this.search(this.waiting.splice(0, atOnce));
    }
  }

  private async search(questions: readonly Question[]): Promise<void> {
    const begun = performance.now();
    try {
      this.signal.throwIfAborted();
      const named = await this.findNamed([...new Set(questions.flatMap(({ paths }) => paths))], this.signal);
      for (const { resolve } of questions) resolve(named);
    } catch (error) {
      const told = this.signal.aborted ? new SyncMediaError('CANCELLED', 'the search for documents that name a file was ended', { cause: error }) : error;
      for (const { reject } of questions) reject(told);
    }
    const now = performance.now();
    this.restUntil = now + Math.min(longestRestMs, restFactor * (now - begun));
  }
}
