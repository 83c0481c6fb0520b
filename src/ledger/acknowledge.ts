import type { EventBus } from '../model/events.js';
import { acknowledgeDelivery } from '../decisions/transitions.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { Version } from '../model/entry.js';
import type { Ledger } from './ledger.js';

interface QueuedAcknowledgement {
  path: Path;
  version: Version;
  hosts: HostId[];
  sha256: string | undefined;
  done: (() => void)[];
  failed: ((error: unknown) => void)[];
}

/** The most acknowledgements in one bulk write. */
const batchLimit = 500;

/**
 * Records in the ledger that a host holds a version, fenced by {path, version}. If the fence
 * fails, the path becomes pending for the host again, which no longer counts as a holder.
 * Acknowledgements of one version that arrive during a write share one update.
 */
export class Acknowledger {
  private queued = new Map<string, QueuedAcknowledgement>();
  private flushing: Promise<void> | undefined;

  constructor(
    private readonly ledger: Ledger,
    private readonly events: EventBus,
  ) {}

  /** Resolves once it is stored. */
  acknowledge(path: Path, version: Version, host: HostId, sha256?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const key = `${version} ${path}`;
      const acknowledgement = this.queued.get(key) ?? {
        path,
        version,
        hosts: [],
        sha256,
        done: [],
        failed: [],
      };
      acknowledgement.hosts.push(host);
      acknowledgement.sha256 ??= sha256;
      acknowledgement.done.push(resolve);
      acknowledgement.failed.push(reject);
      this.queued.set(key, acknowledgement);
      this.flushing ??= this.flush();
    });
  }

  private async flush(): Promise<void> {
    // Deliveries that end at about the same time go into one write.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    while (this.queued.size > 0) {
      const batch = [...this.queued.entries()].slice(0, batchLimit);
      for (const [key] of batch) this.queued.delete(key);
      await this.writeBatch(batch.map(([, acknowledgement]) => acknowledgement));
    }
    this.flushing = undefined;
  }

  private async writeBatch(batch: QueuedAcknowledgement[]): Promise<void> {
    try {
      const missed = new Set(await this.ledger.markManyHeld(batch));
      for (const acknowledgement of batch) {
        if (missed.has(acknowledgement)) await this.acknowledgeMoved(acknowledgement);
        else
          this.events.emit('acknowledged', {
            path: acknowledgement.path,
            version: acknowledgement.version,
            hosts: acknowledgement.hosts,
          });
      }
      for (const { done } of batch) for (const resolve of done) resolve();
    } catch (error) {
      for (const { failed } of batch) for (const reject of failed) reject(error);
    }
  }

  /** The entry changed while this version was delivered. */
  private async acknowledgeMoved({ path, version, hosts }: QueuedAcknowledgement): Promise<void> {
    await this.ledger.transitionLatest(path, (now) => acknowledgeDelivery(now, version, hosts));
  }
}
