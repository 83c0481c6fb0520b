import type { Log } from '../model/log.js';

interface RecentCause {
  readonly level: 'warn' | 'error';
  readonly timer: NodeJS.Timeout;
  suppressed: number;
  lastMessage: string;
}

/** Limit of the causes that are remembered; further ones are logged each time. */
const maxCauses = 1_000;

/**
 * Logs each cause at most once a minute. The messages in between are counted: the next line of the
 * cause is the newest of them, with their number.
 */
export class LogThrottle {
  private readonly recent = new Map<string, RecentCause>();

  constructor(
    private readonly log: Log,
    private readonly intervalMs = 60_000,
  ) {}

  /** @param cause what two messages have in common, for example a host and an error code */
  write(level: RecentCause['level'], cause: string, message: string): void {
    const recent = this.recent.get(cause);
    if (recent) {
      recent.suppressed++;
      recent.lastMessage = message;
      return;
    }
    this.log[level](message);
    if (this.recent.size < maxCauses) this.remember(level, cause);
  }

  /**
   * Puts `message` in the place of the counted messages of a cause, because it makes them outdated.
   * Returns false if none is counted.
   */
  supersede(cause: string, message: string): boolean {
    const recent = this.recent.get(cause);
    if (!recent || recent.suppressed === 0) return false;
    recent.suppressed++;
    recent.lastMessage = message;
    return true;
  }

  /** Logs the counts, and stops the timers. */
  close(): void {
    for (const [cause, recent] of this.recent) {
      clearTimeout(recent.timer);
      this.recent.delete(cause);
      this.logSuppressed(recent);
    }
  }

  private remember(level: RecentCause['level'], cause: string): void {
    const timer = setTimeout(() => {
      const ended = this.recent.get(cause);
      this.recent.delete(cause);
      if (ended && this.logSuppressed(ended)) this.remember(level, cause);
    }, this.intervalMs).unref();
    this.recent.set(cause, { level, timer, suppressed: 0, lastMessage: '' });
  }

  private logSuppressed({ level, suppressed, lastMessage }: RecentCause): boolean {
    if (suppressed === 0) return false;
    try {
      this.log[level](`${lastMessage} (the last of ${String(suppressed)} such messages since)`);
    } catch {
      // A transport that is closed already may throw. In a timer that would end the process.
    }
    return true;
  }
}
