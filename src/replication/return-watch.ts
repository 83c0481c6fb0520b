import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Watches for the return of a host that takes no connection, so that its files need not wait until
 * the backoff ends. Only a host that took no connection and then takes one has returned. A host
 * that can be reached and fails all the same keeps to its backoff.
 */
export class ReturnWatch {
  private ending: AbortController | undefined;

  /** @param takesConnection tries to reach the host, and logs in nowhere */
  constructor(
    private readonly takesConnection: (signal: AbortSignal) => Promise<boolean>,
    private readonly intervalMs: number,
    private readonly onReturn: () => void,
  ) {}

  /** Watches from now on, once for each failure. */
  start(): void {
    this.stop();
    this.ending = new AbortController();
    void this.watch(this.ending.signal);
  }

  stop(): void {
    this.ending?.abort();
    this.ending = undefined;
  }

  private async watch(signal: AbortSignal): Promise<void> {
    for (let wasAway = false; ; wasAway = true) {
      const isThere = await this.takesConnection(signal).catch(() => false);
      if (signal.aborted) return;
      if (isThere) {
        if (wasAway) this.onReturn();
        return;
      }
      await sleep(this.intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}
