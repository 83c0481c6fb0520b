import { mayBeSameBytes } from '../../decisions/kept-reason.js';
import type { Entry } from '../../model/entry.js';
import type { HostId } from '../../model/host.js';
import { resolveInDir, type SyncDirLocation } from '../../replica/areas.js';

/** Bytes that one list may still read. */
interface ReadBudget {
  bytes: number;
}

interface KeptVersion {
  readonly host: HostId;
  readonly location: SyncDirLocation;
  readonly keptAs: string;
  readonly size: number;
  readonly mtime: number;
}

const localBudget = 64 * 1024 * 1024,
  remoteBudget = 8 * 1024 * 1024;
/** How many hashes are remembered. A conflict has a name of its own and is never written to. */
const maxKnown = 1_000;

/**
 * Finds conflicts that have the bytes of the current version, and so need no decision. Each is read
 * once, as far as the budget of a list reaches; one that was not read counts as a conflict.
 */
export class SameBytes {
  private readonly known = new Map<string, string>();

  startBudget(isRemote: boolean): ReadBudget {
    return { bytes: isRemote ? remoteBudget : localBudget };
  }

  async areCurrent(
    kept: KeptVersion,
    entry: Entry | undefined,
    budget: ReadBudget,
  ): Promise<boolean> {
    if (!mayBeSameBytes(entry, kept.size)) return false;
    return (await this.hash(kept, budget)) === entry.info?.sha256;
  }

  private async hash(kept: KeptVersion, budget: ReadBudget): Promise<string | undefined> {
    const { host, location, keptAs, size, mtime } = kept;
    const key = JSON.stringify([host, location.dir, keptAs, size, mtime]);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (size > budget.bytes) return undefined;
    const limits = budget;
    limits.bytes -= size;
    const sha256 = await location.disk
      .hash(resolveInDir(location, keptAs), size)
      .catch(() => undefined);
    if (sha256 !== undefined) this.remember(key, sha256);
    return sha256;
  }

  private remember(key: string, sha256: string): void {
    this.known.set(key, sha256);
    if (this.known.size <= maxKnown) return;
    for (const oldest of this.known.keys()) {
      this.known.delete(oldest);
      break;
    }
  }
}
