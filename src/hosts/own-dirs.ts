import { chooseOwnDirs } from '../planning/own-dirs.js';
import { allows } from '../planning/wants.js';
import type { Host, Path } from '../words.js';
import type { HostsDeps } from './deps.js';
import { openGateDirs, readOpenedDirs } from './gate.js';
import { endConnections } from './open-connections.js';
import type { State } from './state.js';

/** The sync dirs that this host opens. The database adds none. */
export async function listOwnDirs({ config, declared }: Pick<HostsDeps, 'config' | 'declared'>, state: Pick<State, 'root' | 'syncDirs'>): Promise<Path[]> {
  return chooseOwnDirs({ allowed: state.syncDirs as Path[], declared: declared(), opened: await readOpenedDirs(config.stateDir, state.root) });
}

/** What is to be marked on a passive host, which has no configuration of its own: what a person listed of it, and those of this host that its list allows. */
export async function listPassiveDirs(deps: Pick<HostsDeps, 'config' | 'declared'>, host: Pick<Host, 'syncDirs'>, state: State | undefined): Promise<Path[]> {
  const own = state ? await listOwnDirs(deps, state) : [...deps.declared()];
  return [...new Set([...host.syncDirs, ...own.filter((dir) => allows(host, dir))])].sort();
}

/**
 * Records what the models of this process declare, for processes of this host that lack them, such as the command line; and opens it to the
 * other hosts.
 */
export async function openDeclaredDirs(stateDir: string, state: Pick<State, 'root' | 'syncDirs' | 'unconfined'>, declared: readonly Path[]): Promise<void> {
  if (declared.length === 0 || !(await openGateDirs(stateDir, state, declared)) || state.unconfined) return;
  // An open connection is confined to the sync dirs of the time at which it began. The other hosts connect anew.
  await endConnections(stateDir, () => false);
}
