import type { SetupProblem } from '../model/host.js';
import type { Log } from '../model/log.js';

/** In milliseconds. How long problems are collected: a start may wait for the database. */
const maxCollectingMs = 10_000;

/**
 * Collects problems while an application starts, so that its start is one line of the log. At any
 * other time, and where the start takes long, each problem is a line of its own.
 */
export class Problems {
  private collected: SetupProblem[] | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly log: Log) {}

  readonly report = (problem: SetupProblem): void => {
    if (!this.collected) this.log.warn(formatProblem(problem));
    else if (!this.collected.some(({ message }) => message === problem.message))
      this.collected.push(problem);
  };

  collect(): void {
    this.collected ??= [];
    this.timer ??= setTimeout(() => {
      this.flush();
    }, maxCollectingMs).unref();
  }

  /** Ends collecting, and returns the collected problems. */
  take(): SetupProblem[] {
    clearTimeout(this.timer);
    this.timer = undefined;
    const collected = this.collected ?? [];
    this.collected = undefined;
    return collected;
  }

  /** Ends collecting, and logs each collected problem: the start has failed or takes long. */
  flush(): void {
    for (const problem of this.take()) this.report(problem);
  }
}

export function formatProblem({ message, remedy }: SetupProblem): string {
  return `${message}. Remedy: ${remedy}`;
}
