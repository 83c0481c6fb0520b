import { createHash } from 'node:crypto';
import type { RecordedVersion } from '../../model/history.js';
import { catObjects } from './cat-file.js';
import { makeTreeName } from './names.js';
import type { Repository } from './repository.js';

/**
 * Reads the bytes of versions by one git, instead of by one for each. The caller limits their
 * size. Those that are not stored here, or have another sha256, are missing in the answer.
 */
export async function readSmallVersions(
  repository: Repository,
  versions: readonly RecordedVersion[],
  signal: AbortSignal,
): Promise<Map<RecordedVersion, Uint8Array>> {
  const found = new Map<RecordedVersion, Uint8Array>();
  const stored = versions.filter(({ as, info }) => as === 'stored' && info !== undefined);
  const objects = await catObjects(
    repository,
    stored.map((one) => `${one.revision}:${makeTreeName(one)}`),
    { signal, doing: 'reading versions' },
  );
  for (const [index, version] of stored.entries()) {
    const bytes = objects[index]?.bytes;
    if (bytes && createHash('sha256').update(bytes).digest('hex') === version.info?.sha256)
      found.set(version, bytes);
  }
  return found;
}
