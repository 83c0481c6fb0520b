import type { RecentFile } from '../../../replica/recent-bytes.js';
import type { Root } from '../../../replica/replica.js';
import type { Facts } from '../../../model/words.js';
import { sameFacts, type Put } from '../../transfer-route.js';

export interface Source {
  readonly bytes: Buffer;
  readonly sha256: string;
}
/** Why the version could not be read: nothing is there, or other content. */
export type NoSource = 'vanished' | 'changed';

/**
 * Reads small files to send. Hosts that need the same file at about the same time share one read.
 */
export class Sources {
  private readonly reading = new Map<string, Promise<Source | NoSource>>();

  constructor(private readonly root: Root) {}

  /** Returns the bytes of this version, read a moment ago or now. @throws what opening throws */
  read(change: Put): Promise<Source | NoSource> {
    const {
      path,
      version,
      facts: { sha256 },
    } = change;
    // Without a sha256 nobody knows whether bytes that were read earlier are this version.
    if (sha256 === undefined) return this.readNow(change);
    const recent = this.root.findRecent(path);
    if (recent?.seen.sha256 === sha256) return Promise.resolve({ bytes: recent.bytes, sha256 });
    const key = `${version} ${path}`;
    const before = this.reading.get(key);
    if (before !== undefined) return before;
    const reading = this.readNow(change).finally(() => {
      this.reading.delete(key);
    });
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

/** @param read undefined if the file was written to meanwhile */
function asSource(read: RecentFile | undefined, facts: Facts): Source | NoSource {
  if (
    read === undefined ||
    !sameFacts(read.seen, facts) ||
    (facts.sha256 !== undefined && facts.sha256 !== read.seen.sha256)
  )
    return 'changed';
  return { bytes: read.bytes, sha256: read.seen.sha256 };
}
