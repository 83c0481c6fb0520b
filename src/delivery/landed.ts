import type { EventBus } from '../events.js';
import type { HostId } from '../words.js';

/** Receivers look every few seconds: telling them more often than this is of no use to them. */
const everyMs = 200;

/** Tells hosts that files landed there, a little later and all in one write. Where that fails they are not told: it is a hint. */
export class Landed {
  private files = new Map<HostId, number>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly events: EventBus, private readonly raise: (files: ReadonlyMap<HostId, number>) => Promise<void>) {}

  add(host: HostId, files: number): void {
    this.files.set(host, (this.files.get(host) ?? 0) + files);
    this.timer ??= setTimeout(() => { this.write(); }, everyMs);
  }

  /** Tells what is left. */
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
    this.writing = this.writing.then(() => this.raise(files))
      .catch((error: unknown) => { this.events.emit('failed', { doing: 'telling other hosts of new files', error }); });
  }
}
