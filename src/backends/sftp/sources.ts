import type { RecentFile } from '../../root/recent-bytes.js';
import type { Root } from '../../root/root.js';
import type { Facts } from '../../words.js';
import { sameFacts, type Put } from '../route.js';

export interface Source { readonly bytes: Buffer; readonly sha256: string }
/** What kept the version from being read: nothing is there, or another content. */
export type NoSource = 'vanished' | 'changed';

/** Small files to send, read once for all hosts that they go to at about the same time. */
export class Sources {
  private readonly reading = new Map<string, Promise<Source | NoSource>>();

  constructor(private readonly root: Root) {}

  /** The bytes of this version, as they lay at its path a moment ago or do now. @throws what opening throws */
  read(change: Put): Promise<Source | NoSource> {
    const { path, version, facts: { sha256 } } = change;
    // Without a sha256 it is not certain that bytes read a moment ago are the version.
    if (sha256 === undefined) return this.readNow(change);
    const recent = this.root.findRecent(path);
    if (recent?.seen.sha256 === sha256) return Promise.resolve({ bytes: recent.bytes, sha256 });
    const key = `${version} ${path}`;
    const before = this.reading.get(key);
    if (before !== undefined) return before;
    const reading = this.readNow(change).finally(() => { this.reading.delete(key); });
    this.reading.set(key, reading);
    return reading;
  }

  private async readNow({ path, facts }: Put): Promise<Source | NoSource> {
    const fresh = this.root.readFresh(path, facts);
    if (fresh !== undefined) return asSource(fresh, facts);
    const file = await this.root.open(path);
    if (file === undefined) return 'vanished';
    try {
      if (!sameFacts(file.seen, facts)) return 'changed';
      return asSource(await this.root.readSmall(path, file), facts);
    } finally {
      await file.handle.close();
    }
  }
}

/** `read`: undefined where it was written to meanwhile. */
function asSource(read: RecentFile | undefined, facts: Facts): Source | NoSource {
  if (read === undefined || !sameFacts(read.seen, facts) || (facts.sha256 !== undefined && facts.sha256 !== read.seen.sha256)) return 'changed';
  return { bytes: read.bytes, sha256: read.seen.sha256 };
}
