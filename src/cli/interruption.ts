import type { ExitCode } from './exit-codes.js';

const signalExitCodes = { SIGINT: 130, SIGTERM: 143 } as const satisfies Record<string, ExitCode>;

/** The first SIGINT or SIGTERM asks the command to stop, the second ends the process at once. */
export class Interruption {
  private readonly controller = new AbortController();
  readonly signal: AbortSignal = this.controller.signal;
  /** The exit code of the first signal; undefined before it. */
  exitCode: ExitCode | undefined;

  constructor() {
    for (const name of Object.keys(signalExitCodes) as (keyof typeof signalExitCodes)[])
      process.on(name, this.onSignal);
  }

  /** Resolves like `work`, or rejects as soon as a signal arrives. */
  async guard<T>(work: Promise<T>): Promise<T> {
    let stop: () => void = () => undefined;
    const stopped = new Promise<never>((_, reject) => {
      stop = () => {
        reject(new Error('interrupted'));
      };
      if (this.signal.aborted) stop();
      else this.signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([work, stopped]);
    } finally {
      this.signal.removeEventListener('abort', stop);
    }
  }

  close(): void {
    for (const name of Object.keys(signalExitCodes)) process.off(name, this.onSignal);
  }

  private readonly onSignal = (name: NodeJS.Signals): void => {
    const code = signalExitCodes[name as keyof typeof signalExitCodes];
    if (this.exitCode !== undefined) process.exit(code);
    this.exitCode = code;
    this.controller.abort();
  };
}
