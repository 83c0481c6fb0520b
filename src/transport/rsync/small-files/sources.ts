import type { RecentFile } from '../../../replica/recent-bytes.js';
import type { Replica } from '../../../replica/replica.js';
import type { FileInfo } from '../../../model/file.js';
import { haveSameSizeAndTime } from '../../../decisions/file-state.js';
import type { PutChange } from '../../transfer-route.js';

interface SourceContent {
  readonly bytes: Buffer;
  readonly sha256: string;
}
/** Why the version could not be read: nothing is there, or other content. */
type SourceProblem = 'vanished' | 'changed';

/**
 * Reads small files to send. Hosts that need the same file at about the same time share one read.
 */
export class SourceReader {
  private readonly reading = new Map<string, Promise<SourceContent | SourceProblem>>();

  constructor(private readonly replica: Replica) {}

  /** Returns the bytes of this version, read a moment ago or now. @throws what opening throws */
  read(change: PutChange): Promise<SourceContent | SourceProblem> {
    const {
      path,
      version,
      info: { sha256 },
    } = change;
    // Without a sha256 nobody knows whether bytes that were read earlier are this version.
    if (sha256 === undefined) return this.readNow(change);
    const recent = this.replica.findCached(path);
    if (recent?.info.sha256 === sha256) return Promise.resolve({ bytes: recent.bytes, sha256 });
    const key = `${version} ${path}`;
    const before = this.reading.get(key);
    if (before !== undefined) return before;
    const reading = this.readNow(change).finally(() => {
      this.reading.delete(key);
    });
    this.reading.set(key, reading);
    return reading;
  }

  private async readNow({ path, info }: PutChange): Promise<SourceContent | SourceProblem> {
    const fresh = this.replica.readRecentlyWritten(path, info);
    if (fresh !== undefined) return toSourceContent(fresh, info);
    const file = await this.replica.open(path);
    if (file === undefined) return 'vanished';
    try {
      if (!haveSameSizeAndTime(file.info, info)) return 'changed';
      return toSourceContent(await this.replica.readSmallFile(path, file), info);
    } finally {
      await file.handle.close();
    }
  }
}

/** @param read undefined if the file was written to meanwhile */
function toSourceContent(
  read: RecentFile | undefined,
  info: FileInfo,
): SourceContent | SourceProblem {
  if (
    read === undefined ||
    !haveSameSizeAndTime(read.info, info) ||
    (info.sha256 !== undefined && info.sha256 !== read.info.sha256)
  )
    return 'changed';
  return { bytes: read.bytes, sha256: read.info.sha256 };
}
