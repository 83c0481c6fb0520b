import type { EventBus } from '../model/events.js';
import { settle } from '../decisions/transitions.js';
import type { HostId, Path, Version } from '../model/words.js';
import type { Ledger } from './ledger.js';

interface Pending {
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
export class Settler {
  private pending = new Map<string, Pending>();
  private flushing: Promise<void> | undefined;

  constructor(
    private readonly ledger: Ledger,
    private readonly events: EventBus,
  ) {}

  /** Resolves once it is stored. */
  settle(path: Path, version: Version, host: HostId, sha256?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const key = `${version} ${path}`;
      const pending = this.pending.get(key) ?? {
        path,
        version,
        hosts: [],
        sha256,
        done: [],
        failed: [],
      };
      pending.hosts.push(host);
      pending.sha256 ??= sha256;
      pending.done.push(resolve);
      pending.failed.push(reject);
      this.pending.set(key, pending);
      this.flushing ??= this.flush();
    });
  }

  private async flush(): Promise<void> {
    // Deliveries that end at about the same time go into one write.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    while (this.pending.size > 0) {
      const batch = [...this.pending.entries()].slice(0, batchLimit);
      for (const [key] of batch) this.pending.delete(key);
      await this.write(batch.map(([, pending]) => pending));
    }
    this.flushing = undefined;
  }

  private async write(batch: Pending[]): Promise<void> {
    try {
      const missed = new Set(await this.ledger.holdMany(batch));
      for (const pending of batch) {
        if (missed.has(pending)) await this.settleMoved(pending);
        else
          this.events.emit('settled', {
            path: pending.path,
            version: pending.version,
            hosts: pending.hosts,
          });
      }
      for (const { done } of batch) for (const resolve of done) resolve();
    } catch (error) {
      for (const { failed } of batch) for (const reject of failed) reject(error);
    }
  }

  /** The entry changed while this version was delivered. */
  private async settleMoved({ path, version, hosts }: Pending): Promise<void> {
    await this.ledger.changeNow(path, (now) => settle(now, version, hosts));
  }
}
