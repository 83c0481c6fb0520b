import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RemoteCopy } from '../../model/history.js';
import type { Log } from '../../model/log.js';
import { getErrorMessage } from '../../model/errors.js';
import type { Annex } from './annex.js';
import type { AnnexKey } from './key.js';

/** How many copies of forgotten contents are logged, each with its command. */
const MOST_WARNINGS = 20;

/**
 * Finds which of these contents lie on special remotes that an operator configured, and on which,
 * by name, as git-annex noted it. Asks no remote. Without any, no process is started.
 */
export async function findOnRemotes(
  annex: Annex,
  keys: readonly AnnexKey[],
  signal: AbortSignal,
): Promise<Map<AnnexKey, string[]>> {
  const found = new Map<AnnexKey, string[]>();
  const remotes = await readRemotes(annex);
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
    const names = holders.flatMap((uuid) => remotes.get(String(uuid)) ?? []);
    if (asked !== undefined && names.length > 0) found.set(asked, names);
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

/** Lists copies on special remotes, each with the command that removes it. */
export async function listCopies(
  annex: Annex,
  keys: readonly AnnexKey[],
  signal: AbortSignal,
): Promise<RemoteCopy[]> {
  return [...(await findOnRemotes(annex, keys, signal))].flatMap(([key, names]) =>
    names.map((remote) => ({
      remote,
      key,
      command:
        `git -C ${quoteWord(annex.place)} annex drop --force --key ${key} ` +
        `--from ${quoteWord(remote)}`,
    })),
  );
}

/** Logs the copies of forgotten contents that nothing of ours removes. */
export async function warnOfCopies(
  annex: Annex,
  keys: readonly AnnexKey[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  try {
    const copies = await listCopies(annex, keys, signal);
    for (const { remote, command } of copies.slice(0, MOST_WARNINGS))
      log.warn(`the special remote ${remote} still has a file that was forgotten: ${command}`);
    const more = copies.length - MOST_WARNINGS;
    if (more > 0) log.warn(`special remotes still have ${String(more)} more of them`);
  } catch (error) {
    signal.throwIfAborted();
    log.warn(
      `which special remotes still have files that were forgotten is not known: ` +
        getErrorMessage(error),
    );
  }
}

/** Reads the remotes that the repository's own configuration names: their names by UUID. */
export async function readRemotes({ place }: Pick<Annex, 'place'>): Promise<Map<string, string>> {
  const config = await readFile(join(place, 'config'), 'utf8').catch(() => '');
  const remotes = new Map<string, string>();
  let name: string | undefined;
  for (const line of config.split('\n')) {
    if (line.startsWith('[')) name = /^\[remote "([^"]+)"\]$/.exec(line.trim())?.[1];
    const uuid = /^\s*annex-uuid = ([0-9a-f-]{36})$/.exec(line)?.[1];
    if (name !== undefined && uuid !== undefined) remotes.set(uuid, name);
  }
  return remotes;
}

/** A word of a command that a person copies into a shell. */
function quoteWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
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
