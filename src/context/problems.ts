import type { SetupProblem } from '../model/host.js';
import type { Log } from '../model/log.js';

/**
 * Collects problems while an application starts, so that its start is one line of the log. At any
 * other time each problem is a line of its own.
 */
export class Problems {
  private collected: SetupProblem[] | undefined;

  constructor(private readonly log: Log) {}

  readonly report = (problem: SetupProblem): void => {
    if (!this.collected) this.log.warn(formatProblem(problem));
    else if (!this.collected.some(({ message }) => message === problem.message))
      this.collected.push(problem);
  };

  collect(): void {
    this.collected ??= [];
  }

  /** Ends collecting, and returns the collected problems. */
  take(): SetupProblem[] {
    const collected = this.collected ?? [];
    this.collected = undefined;
    return collected;
  }

  /** Ends collecting, and logs each collected problem: the start has failed. */
  flush(): void {
    for (const problem of this.take()) this.report(problem);
  }
}

export function formatProblem({ message, remedy }: SetupProblem): string {
  return `${message}. Remedy: ${remedy}`;
}
