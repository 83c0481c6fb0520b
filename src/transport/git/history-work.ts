import { joinSignals } from '../../util/join-signals.js';

type Work<T> = (signal: AbortSignal) => Promise<T>;

/** The work of one history: it ends with the history, and writes follow each other. */
export class HistoryWork {
  private readonly ending = new AbortController();
  private writing: Promise<unknown> = Promise.resolve();

  /** Runs work whose signal also aborts when the history is closed. */
  async run<T>(signal: AbortSignal, work: Work<T>): Promise<T> {
    const joined = this.join(signal);
    try {
      return await work(joined.signal);
    } finally {
      joined.release();
    }
  }

  /** The same, once the writes before have ended. */
  write<T>(signal: AbortSignal, work: Work<T>): Promise<T> {
    const done = this.writing.then(() => this.run(signal, work));
    this.writing = done.catch(() => undefined);
    return done;
  }

  /** For generators. The caller releases it. */
  join(signal: AbortSignal): ReturnType<typeof joinSignals> {
    return joinSignals([signal, this.ending.signal]);
  }

  /** Aborts what runs, and waits for the last write. */
  async close(): Promise<void> {
    this.ending.abort();
    await this.writing;
  }
}
