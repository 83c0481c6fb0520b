import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { recordVersions } from '../../../src/transport/git/record.js';
import { Repository } from '../../../src/transport/git/repository.js';
import type { HistoryLimits, RecordRequest } from '../../../src/model/history.js';
import type { UnrecordedVersion } from '../../../src/transport/history.js';
import { makeRecordedFiles, type RecordedFiles } from '../recorded-files.js';
import { never, self } from '../site.js';

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
export interface RepositorySite extends Pick<RecordedFiles, 'root' | 'replica' | 'save'> {
  readonly repository: Repository;
  record(requests: readonly RecordRequest[], now?: Date): Promise<UnrecordedVersion[]>;
  /** The output of any git command on the repository. */
  git(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

export async function makeRepositorySite(
  given: Partial<HistoryLimits> = {},
): Promise<RepositorySite> {
  const files = await makeRecordedFiles();
  const { root, replica, save } = files;
  const repository = new Repository(join(files.dir, 'git'), self, 30_000);
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
    save,
    git: async (...args) =>
      (await repository.run(args, { signal: never, doing: 'testing' })).output.toString(),
    close: files.remove,
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
