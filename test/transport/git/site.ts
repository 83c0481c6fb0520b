import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeDisk } from '../../../src/replica/node-disk.js';
import { writeMarker } from '../../../src/replica/marker.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import { Replica } from '../../../src/replica/replica.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import { recordVersions } from '../../../src/transport/git/record.js';
import { Repository } from '../../../src/transport/git/repository.js';
import type { HistoryLimits, RecordRequest } from '../../../src/model/history.js';
import type { UnrecordedVersion } from '../../../src/transport/history.js';
import { makeTestDir } from '../../harness/tmp.js';
import { never, photos, put, self } from '../site.js';

/** Names that visitors may choose, and that git, HFS+, NTFS or a command line gives a meaning. */
export const hostileNames: readonly string[] = [
  '.git/config',
  '.GIT',
  'git~1',
  'GI7EBA~1',
  '.g\u200cit',
  '.gitmodules',
  '.gitattributes',
  '.git ',
  '-x',
  '--upload-pack=x',
  'x:y',
  'é 1.jpg',
  '"q"',
  '50%.jpg',
  '...',
  ':(glob)*',
  '*',
];

export const limits: HistoryLimits = {
  days: 30,
  maxBytes: 1024 ** 3,
  maxFileBytes: 1024 ** 2,
  author: 'syncmedia',
};

/** A repository, and a replica whose files it records. */
export interface RepositorySite {
  readonly root: string;
  readonly replica: Replica;
  readonly repository: Repository;
  record(requests: readonly RecordRequest[], now?: Date): Promise<UnrecordedVersion[]>;
  /** Writes a file, and returns what asks to record it. */
  save(name: string, content: string | Uint8Array, version: string): Promise<RecordRequest>;
  /** The output of any git command on the repository. */
  git(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

export async function makeRepositorySite(
  given: Partial<HistoryLimits> = {},
): Promise<RepositorySite> {
  const dir = await makeTestDir();
  const root = join(dir.path, 'root');
  await mkdir(join(root, photos.path), { recursive: true });
  await writeMarker(nodeDisk, join(root, photos.path), self, photos.path);
  const all = new SyncDirs([photos]);
  const replica = new Replica(root, () => all, { me: () => self });
  const repository = new Repository(join(dir.path, 'git'), self, 30_000);
  await repository.open(never);
  return {
    root,
    replica,
    repository,
    record: (requests, now) =>
      recordVersions(
        { repository, replica, limits: { ...limits, ...given }, hostname: 'one' },
        requests,
        never,
        now,
      ),
    async save(name, content, version) {
      const path = requireSafePath(`${photos.path}/${name}`);
      await put(root, path, content);
      const info = await replica.hash(path);
      if (!info) throw new Error(`${path} was not written`);
      return { path, version, at: new Date(), info };
    },
    git: async (...args) =>
      (await repository.run(args, { signal: never, doing: 'testing' })).output.toString(),
    close: () => dir.remove(),
  };
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const bytes of body) chunks.push(bytes);
  return Buffer.concat(chunks);
}
