import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import type { OpenFile } from '../../root/open-file.js';
import type { Root } from '../../root/root.js';
import { seenFrom } from '../../root/seen.js';
import { sameFacts, type Put } from '../route.js';

export interface Source { readonly bytes: Buffer; readonly sha256: string }
/** What kept the version from being read: nothing is there, or another content. */
export type NoSource = 'vanished' | 'changed';

/** Bytes that are kept for the lanes that come a little later. */
const keptBytes = 8 * 1024 * 1024;

/** Small files to send, read once for all hosts that they go to at about the same time. */
export class Sources {
  private readonly kept = new Map<string, { size: number; reading: Promise<Source | NoSource> }>();
  private size = 0;

  constructor(private readonly root: Root) {}

  /** The bytes of this version. @throws what opening throws */
  read(change: Put): Promise<Source | NoSource> {
    const { path, version, facts } = change;
    // Without a sha256 it is not certain that bytes read a moment ago are the version.
    if (facts.sha256 === undefined) return this.readNow(change);
    const key = `${version} ${facts.sha256} ${path}`;
    const known = this.kept.get(key);
    if (known) return known.reading;
    const reading = this.readNow(change);
    this.kept.set(key, { size: facts.size, reading });
    this.size += facts.size;
    reading.then((source) => { if (typeof source === 'string') this.drop(key); }, () => { this.drop(key); });
    for (const oldest of this.kept.keys()) {
      if (this.size <= keptBytes || oldest === key) break;
      this.drop(oldest);
    }
    return reading;
  }

  private drop(key: string): void {
    this.size -= this.kept.get(key)?.size ?? 0;
    this.kept.delete(key);
  }

  private async readNow({ path, facts }: Put): Promise<Source | NoSource> {
    const file = await this.root.open(path);
    if (file === undefined) return 'vanished';
    try {
      if (!sameFacts(file.seen, facts)) return 'changed';
      const bytes = await readWhole(file);
      if (bytes === undefined) return 'changed';
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return facts.sha256 !== undefined && facts.sha256 !== sha256 ? 'changed' : { bytes, sha256 };
    } finally {
      await file.handle.close();
    }
  }
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
