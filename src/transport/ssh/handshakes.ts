import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Limits simultaneous logins. sshd refuses connections while ten others are not logged in yet
 * (MaxStartups), and that looks like a host that is down.
 */
export class LoginLimiter {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  get isIdle(): boolean {
    return this.running === 0;
  }

  /**
   * Runs `login` when fewer than `limit` others run. The callers bound the queue: the deliveries
   * to a host have one login at a time.
   */
  async run<T>(login: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.running >= this.limit) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
      // A random delay spreads the logins: all hosts that waited for a network would otherwise
      // retry at the same moment.
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
