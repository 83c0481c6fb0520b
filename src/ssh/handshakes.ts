import { setTimeout as sleep } from 'node:timers/promises';

/** sshd refuses connections when ten that are not logged in yet come at once (MaxStartups), and that looks like a host that is down. */
export class Handshakes {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  /** Runs `login` when fewer than `limit` others run. What waits is bounded by the number of hosts, as each has one login at a time. */
  async run<T>(login: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.running >= this.limit) {
      await new Promise<void>((resolve) => { this.waiting.push(resolve); });
      // They would all come at the same moment again, from every host that was waiting for a network.
      await sleep(Math.random() * 50, undefined, { signal, ref: false }).catch(() => undefined);
    } else {
      this.running++;
    }
    try {
      return await login();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
