import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Annex } from './annex.js';
import type { AnnexKey } from './key.js';

/**
 * Finds which of these contents lie on a special remote that an operator configured, as git-annex
 * noted it. Asks no remote. Without any, no process is started.
 */
export async function findOnRemotes(
  annex: Annex,
  keys: readonly AnnexKey[],
  signal: AbortSignal,
): Promise<Set<AnnexKey>> {
  const found = new Set<AnnexKey>();
  const remotes = await listRemotes(annex);
  if (keys.length === 0 || remotes.size === 0) return found;
  const { output } = await annex.run(['whereis', '--batch-keys', '--json'], {
    signal,
    doing: 'looking for large files on special remotes',
    input: keys.map((key) => `${key}\n`).join(''),
    // 1: some are nowhere.
    allowed: [0, 1],
  });
  for (const line of output.toString().split('\n')) {
    const { key, holders } = parseAnswer(line);
    const asked = keys.find((one) => one === key);
    if (asked !== undefined && holders.some((uuid) => remotes.has(String(uuid)))) found.add(asked);
  }
  return found;
}

/** Copies a content from a special remote into the annex of this host. */
export async function fetchFromRemote(
  annex: Annex,
  key: AnnexKey,
  signal: AbortSignal,
): Promise<void> {
  await annex.run(['get', '--key', key, '--json', '--json-progress'], {
    signal,
    doing: 'getting a large file from a special remote',
  });
}

/** The UUIDs of the remotes that the repository's own configuration names. */
async function listRemotes({ place }: Annex): Promise<Set<string>> {
  const config = await readFile(join(place, 'config'), 'utf8').catch(() => '');
  return new Set(
    [...config.matchAll(/^\s*annex-uuid = ([0-9a-f-]{36})$/gm)].map(([, id = '']) => id),
  );
}

function parseAnswer(line: string): { key?: unknown; holders: unknown[] } {
  try {
    const { key, whereis } = JSON.parse(line) as Record<string, unknown>;
    const holders = Array.isArray(whereis) ? (whereis as { uuid?: unknown }[]) : [];
    return { key, holders: holders.map(({ uuid }) => uuid) };
  } catch {
    return { holders: [] };
  }
}
