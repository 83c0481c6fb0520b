import { createHash } from 'node:crypto';
import type { RecordedVersion } from '../../model/history.js';
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
  if (stored.length === 0) return found;
  const { output } = await repository.run(['cat-file', '--batch'], {
    signal,
    doing: 'reading versions',
    input: stored.map((one) => `${one.revision}:${makeTreeName(one)}\n`).join(''),
  });
  let at = 0;
  // The answers have the order of the questions.
  for (const version of stored) {
    const end = output.indexOf('\n', at);
    const head = output.toString('utf8', at, end);
    at = end + 1;
    const size = Number(/^[0-9a-f]{40,64} blob (\d+)$/.exec(head)?.[1]);
    if (!Number.isSafeInteger(size)) continue;
    const bytes = output.subarray(at, at + size);
    at += size + 1;
    if (createHash('sha256').update(bytes).digest('hex') === version.info?.sha256)
      found.set(version, bytes);
  }
  return found;
}
