import type { Repository, RunOptions } from './repository.js';

/** An object of the repository. */
interface CatObject {
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
}

/**
 * Reads objects by one git. The answers have the order of the names, with undefined for those that
 * are missing. The caller limits their size.
 *
 * @param names of objects or of files in commits; without line breaks
 */
export async function catObjects(
  repository: Repository,
  names: readonly string[],
  options: Omit<RunOptions, 'input'>,
): Promise<(CatObject | undefined)[]> {
  if (names.length === 0) return [];
  const input = names.map((name) => `${name}\n`).join('');
  const { output } = await repository.run(['cat-file', '--batch'], { ...options, input });
  const objects: (CatObject | undefined)[] = [];
  // The lengths lead from one answer to the next: an object may contain anything.
  for (let at = 0; at < output.length;) {
    const end = output.indexOf('\n', at);
    if (end === -1) break;
    const [, name, type, size] =
      /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(output.toString('latin1', at, end)) ?? [];
    at = end + 1;
    if (name === undefined || type === undefined) {
      objects.push(undefined);
      continue;
    }
    objects.push({ name, type, bytes: output.subarray(at, at + Number(size)) });
    at += Number(size) + 1;
  }
  return objects;
}

/**
 * Finds the blobs that names mean. The answers have the order of the names, with undefined for
 * those that mean none.
 *
 * @param names of files in commits; without line breaks
 */
export async function findBlobs(
  repository: Repository,
  names: readonly string[],
  signal: AbortSignal,
): Promise<(string | undefined)[]> {
  if (names.length === 0) return [];
  const { output } = await repository.run(['cat-file', '--batch-check'], {
    signal,
    doing: 'looking for files of the history',
    input: names.map((name) => `${name}\n`).join(''),
  });
  const lines = output.toString('latin1').split('\n');
  return names.map((_, index) => /^([0-9a-f]{40,64}) blob \d+$/.exec(lines[index] ?? '')?.[1]);
}
