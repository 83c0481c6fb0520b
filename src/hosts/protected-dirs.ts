import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { SyncMediaError } from '../errors/errors.js';
import type { Config } from '../options/config.js';
import type { Path } from '../words.js';
import { liesIn, type State } from './state.js';

export interface Protected {
  readonly path: string;
  /** For messages. */
  readonly what: string;
  /** Whether a sync dir may lie in it, or hold it where a person named that sync dir: so for the code of the application. */
  readonly isCode?: true;
}

/** The directories of this host that no other host may write to. They hold what decides who gets in, or code that runs here. */
export function listProtected({ authorizedKeysFile, identityFile }: Pick<State, 'authorizedKeysFile'> & Partial<Pick<State, 'identityFile'>>, { stateDir }: Pick<Config, 'stateDir'>): Protected[] {
  const main = process.argv[1];
  return [
    { path: dirname(authorizedKeysFile), what: 'the directory of authorized_keys' },
    ...(identityFile === undefined ? [] : [{ path: dirname(identityFile), what: 'the directory of this host\'s private key' }]),
    { path: stateDir, what: 'the state folder' },
    // Uploads usually lie below the application, so here only a sync dir that holds the application counts.
    ...(main === undefined ? [] : [{ path: dirname(main), what: 'the code of the application', isCode: true as const }]),
  ];
}

/**
 * Refuses sync dirs that hold, are or lie in a protected directory, by real paths. A directory that does not exist is none.
 *
 * @param named sync dirs that a person listed at `init`
 * @throws BAD_SYNC_DIR naming the sync dir and what it meets
 */
export async function refuseProtectedDirs(root: string, dirs: readonly Path[], named: readonly string[], protectedDirs: readonly Protected[]): Promise<void> {
  const real = await Promise.all(protectedDirs.map(async (one) => ({ ...one, path: await realpath(one.path).catch(() => one.path) })));
  for (const dir of dirs) {
    const at = await realpath(join(root, dir)).catch(() => undefined);
    if (at === undefined) continue;
    const met = at.split(sep).includes('node_modules') ? 'node_modules' : real.find(({ path, isCode }) => isCode ? liesIn(path, at) && !named.includes(dir) : liesIn(path, at) || liesIn(at, path))?.what;
    if (met === undefined) continue;
    throw new SyncMediaError('BAD_SYNC_DIR', `the sync dir ${dir} is ${at}, which holds, is or lies in ${met}: every other host could write there. Keep uploads in a directory of their own`);
  }
}
