import type { EventBus } from '../model/events.js';
import type { HostId } from '../model/host.js';

/**
 * In milliseconds. Receivers poll every few seconds, so more frequent notices would be useless.
 */
const noticeIntervalMs = 200;

/**
 * Notifies hosts that they received files, a little later and with one write for all. A failed
 * notice is lost, because it is only a hint.
 */
export class ReceiveNotices {
  private files = new Map<HostId, number>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly events: EventBus,
    private readonly raiseReceived: (files: ReadonlyMap<HostId, number>) => Promise<void>,
  ) {}

  add(host: HostId, files: number): void {
    this.files.set(host, (this.files.get(host) ?? 0) + files);
    this.timer ??= setTimeout(() => {
      this.write();
    }, noticeIntervalMs);
  }

  /** Sends the remaining notices. */
  async close(): Promise<void> {
    this.write();
    await this.writing;
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.files.size === 0) return;
    const files = this.files;
    this.files = new Map();
    this.writing = this.writing
      .then(() => this.raiseReceived(files))
      .catch((error: unknown) => {
        this.events.emit('failed', { doing: 'notifying other hosts of new files', error });
      });
  }
}
