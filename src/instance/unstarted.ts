import type { ThisHost } from '../context/this-host.js';
import type { Capture } from '../model/capture.js';

/**
 * Milliseconds after which an unprocessed capture proves that no process of this host delivers.
 */
const warnAfterMs = 10_000;

/**
 * Warns once if saves are captured but not delivered because no process of this host called
 * `startSyncMedia()`.
 */
export class UnstartedWarning {
  private timer: NodeJS.Timeout | undefined;
  private check: Promise<void> | undefined;
  private isDone = false;

  constructor(
    private readonly thisHost: Pick<ThisHost, 'config' | 'isStarted' | 'openContext'>,
    private readonly waitMs = warnAfterMs,
  ) {}

  watchCapture({ id }: Capture): void {
    if (this.isDone || this.timer || this.check || this.thisHost.isStarted()) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.check = this.checkDelivered(id).finally(() => {
        this.check = undefined;
      });
    }, this.waitMs).unref();
  }

  async close(): Promise<void> {
    this.isDone = true;
    clearTimeout(this.timer);
    await this.check;
  }

  private async checkDelivered(id: string): Promise<void> {
    if (this.isDone || this.thisHost.isStarted()) return;
    // An absent database proves nothing. The next save is checked again.
    const stored = await this.thisHost
      .openContext()
      .then(({ outbox }) => outbox.findStored([id]))
      .catch(() => undefined);
    if (!stored?.has(id) || this.isDone) return;
    this.isDone = true;
    this.thisHost.config.log.warn(
      `a file was saved ${String(this.waitMs / 1000)} s ago and is not being delivered: no ` +
        `process of this host has started syncmedia. ` +
        'Call startSyncMedia() once the models are defined and Mongoose connects; ' +
        'syncmedia then delivers the files that were saved before',
    );
  }
}
