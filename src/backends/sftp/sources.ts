import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import type { OpenFile } from '../../root/open-file.js';
import type { Root } from '../../root/root.js';
import { seenFrom } from '../../root/seen.js';
import type { Path } from '../../words.js';
import { sameFacts, type Put } from '../route.js';

export interface Source { readonly bytes: Buffer; readonly sha256: string }
/** What kept the version from being read: nothing is there, or another content. */
export type NoSource = 'vanished' | 'changed';

/** Bytes that are kept for the lanes that come a little later. */
const keptBytes = 8 * 1024 * 1024;

/** Bytes, and what the file was that they were read from. */
interface Read { readonly source: Source; readonly stamp: string }
interface Kept { readonly size: number; readonly reading: Promise<Read | NoSource> }

/** Small files to send, read once for all hosts that they go to at about the same time. */
export class Sources {
  private readonly kept = new Map<string, Kept>();
  private size = 0;

  constructor(private readonly root: Root) {}

  /** The bytes of this version, while they lie at its path. @throws what opening throws */
  async read(change: Put): Promise<Source | NoSource> {
    const { path, version, facts } = change;
    // Without a sha256 it is not certain that bytes read a moment ago are the version.
    if (facts.sha256 === undefined) return sourceOf(await this.readNow(change));
    const key = `${version} ${facts.sha256} ${path}`;
    const before = this.kept.get(key);
    if (before) {
      const read = await before.reading;
      // A file may be written anew without its size and date telling: whoever sends it has to notice.
      if (typeof read !== 'string' && await this.findStamp(path) === read.stamp) return read.source;
      this.drop(key, before);
    }
    return sourceOf(await this.keep(key, change).reading);
  }

  /** Another lane may have come first: then its reading is the newest there is. */
  private keep(key: string, change: Put): Kept {
    const other = this.kept.get(key);
    if (other) return other;
    const kept: Kept = { size: change.facts.size, reading: this.readNow(change) };
    this.kept.set(key, kept);
    this.size += kept.size;
    kept.reading.then((read) => { if (typeof read === 'string') this.drop(key, kept); }, () => { this.drop(key, kept); });
    for (const [oldest, one] of this.kept) {
      if (this.size <= keptBytes || one === kept) break;
      this.drop(oldest, one);
    }
    return kept;
  }

  private drop(key: string, kept: Kept): void {
    if (this.kept.get(key) !== kept) return;
    this.size -= kept.size;
    this.kept.delete(key);
  }

  private async findStamp(path: Path): Promise<string | undefined> {
    const file = await this.root.open(path);
    if (file === undefined) return undefined;
    try {
      return stampOf(file);
    } finally {
      await file.handle.close();
    }
  }

  private async readNow({ path, facts }: Put): Promise<Read | NoSource> {
    const file = await this.root.open(path);
    if (file === undefined) return 'vanished';
    try {
      if (!sameFacts(file.seen, facts)) return 'changed';
      const stamp = stampOf(file);
      const bytes = await readWhole(file);
      if (bytes === undefined) return 'changed';
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return facts.sha256 !== undefined && facts.sha256 !== sha256 ? 'changed' : { source: { bytes, sha256 }, stamp };
    } finally {
      await file.handle.close();
    }
  }
}

function sourceOf(read: Read | NoSource): Source | NoSource {
  return typeof read === 'string' ? read : read.source;
}

/** Differs for every file and after every write to it: what a program sets back, as dates, does not set back the change time. */
function stampOf({ handle }: OpenFile): string {
  const { dev, ino, ctimeNs, size } = fstatSync(handle.fd, { bigint: true });
  return [dev, ino, ctimeNs, size].join(' ');
}

/** Undefined where it was written to meanwhile. */
async function readWhole({ handle, seen }: OpenFile): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(seen.size);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  const after = seenFrom(fstatSync(handle.fd, { bigint: true }));
  return sameFacts(after, seen) && after.nanos === seen.nanos ? bytes : undefined;
}
