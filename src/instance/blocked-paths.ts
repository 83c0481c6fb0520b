import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

/** The most paths that are remembered. The one that has been blocked longest is forgotten. */
const maxPaths = 1_000;

/** Which paths are known to be blocked, so that a retry that fails again is no news. */
export class BlockedPaths {
  private readonly codes = new Map<string, { host: HostId; code: string }>();

  /** Returns false if the path was blocked for this reason before. */
  add(host: HostId, path: Path, code: string): boolean {
    const key = makeKey(host, path);
    if (this.codes.get(key)?.code === code) return false;
    this.codes.delete(key);
    this.codes.set(key, { host, code });
    for (const oldest of this.codes.keys()) {
      if (this.codes.size <= maxPaths) break;
      this.codes.delete(oldest);
    }
    return true;
  }

  clear(): void {
    this.codes.clear();
  }

  /** Removes a path that arrived. Returns its code if no other path is blocked for that reason. */
  remove(host: HostId, path: Path): string | undefined {
    if (this.codes.size === 0) return undefined;
    const key = makeKey(host, path),
      removed = this.codes.get(key);
    if (!removed) return undefined;
    this.codes.delete(key);
    for (const other of this.codes.values())
      if (other.host === host && other.code === removed.code) return undefined;
    return removed.code;
  }
}

function makeKey(host: HostId, path: Path): string {
  return `${host} ${path}`;
}
