import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../../scripts/programs.mjs';
import type { RecordRequest, RecordedVersion } from '../../../src/model/history.js';
import { nodeDisk } from '../../../src/replica/node-disk.js';
import { writeMarker } from '../../../src/replica/marker.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import { Replica } from '../../../src/replica/replica.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import { AnnexHistory } from '../../../src/transport/git-annex/annex-history.js';
import type { BackendOptions, HistoryPlace } from '../../../src/transport/options.js';
import { makeTestDir } from '../../harness/tmp.js';
import { limits, readAll } from '../git/site.js';
import { never, photos, put, self } from '../site.js';

/** Why the tests with git-annex are skipped; undefined where they run. */
export const annexIsMissing =
  (await findProgram('git-annex')) === undefined ? 'git-annex is not installed' : undefined;
if (annexIsMissing !== undefined)
  console.warn(`SKIPPED, everything about git-annex: ${annexIsMissing}`);

/** Files above this size lie in the annex. */
export const largerThan = 1_000;

/** A large file with a content of its own. */
export function makeLarge(text: string, size = 5_000): Buffer {
  return Buffer.alloc(size, `${text} `);
}

/** A history with an annex, and a replica whose files it records. */
export interface AnnexSite {
  readonly root: string;
  readonly stateDir: string;
  readonly history: AnnexHistory;
  /** Another process with the same state folder. */
  reopen(limit?: number): AnnexHistory;
  /** Writes a file, and returns what asks to record it. */
  save(name: string, content: string | Uint8Array, version: string): Promise<RecordRequest>;
  read(version: RecordedVersion): Promise<string>;
  close(): Promise<void>;
}

export async function makeAnnexSite(
  given: Partial<HistoryPlace> = {},
  { isOpen = true } = {},
): Promise<AnnexSite> {
  const dir = await makeTestDir();
  const root = join(dir.path, 'root'),
    stateDir = join(dir.path, 'state');
  await mkdir(join(root, photos.path), { recursive: true });
  await mkdir(stateDir);
  await writeMarker(nodeDisk, join(root, photos.path), self, photos.path);
  const all = new SyncDirs([photos]);
  const replica = new Replica(root, () => all, { me: () => self });
  const options = { replica, self, timeoutMs: 30_000 } as BackendOptions;
  const opened: AnnexHistory[] = [];
  const reopen = (limit = largerThan): AnnexHistory => {
    const annex = { largerThan: limit, on: 'all' } as const;
    const history = new AnnexHistory(options, {
      ...limits,
      stateDir,
      hostname: 'one',
      ...given,
      annex,
    });
    opened.push(history);
    return history;
  };
  const history = reopen();
  if (isOpen) await history.open(never);
  return {
    root,
    stateDir,
    history,
    reopen,
    async save(name, content, version) {
      const path = requireSafePath(`${photos.path}/${name}`);
      await put(root, path, content);
      const info = await replica.hash(path);
      if (!info) throw new Error(`${path} was not written`);
      return { path, version, at: new Date(), info };
    },
    read: async (version) => (await readAll(history.read(version, never))).toString(),
    async close() {
      for (const one of opened) await one.close();
      await dir.remove();
    },
  };
}
