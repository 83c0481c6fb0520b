import { chooseOwnDirs } from '../decisions/own-dirs.js';
import { allowsPath } from '../decisions/wants.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { HostsDeps } from './deps.js';
import { openGateDirs, readOpenedDirs } from '../access/gate.js';
import { endConnections } from '../access/open-connections.js';
import type { HostState } from '../state-dir/state.js';

/** Lists the sync dirs that this host opens. Rows of the database add none. */
export async function listOwnDirs(
  { config, listDeclaredDirs: declared }: Pick<HostsDeps, 'config' | 'listDeclaredDirs'>,
  state: Pick<HostState, 'root' | 'syncDirs'>,
): Promise<Path[]> {
  return chooseOwnDirs({
    allowed: state.syncDirs as Path[],
    declared: declared(),
    opened: await readOpenedDirs(config.stateDir, state.root),
  });
}

/**
 * Lists the sync dirs to mark on a passive host, which has no configuration of its own: those
 * that a person listed for it, and those of this host that its list allows.
 */
export async function listPassiveDirs(
  deps: Pick<HostsDeps, 'config' | 'listDeclaredDirs'>,
  host: Pick<Host, 'syncDirs'>,
  state: HostState | undefined,
): Promise<Path[]> {
  const own = state ? await listOwnDirs(deps, state) : [...deps.listDeclaredDirs()];
  return [...new Set([...host.syncDirs, ...own.filter((dir) => allowsPath(host, dir))])].sort();
}

/**
 * Records the sync dirs that this process's models declare, for processes of this host without
 * models, such as the command line. Opens them to the other hosts.
 */
export async function openDeclaredDirs(
  stateDir: string,
  state: Pick<HostState, 'root' | 'syncDirs' | 'unconfined'>,
  declared: readonly Path[],
): Promise<void> {
  if (declared.length === 0 || !(await openGateDirs(stateDir, state, declared)) || state.unconfined)
    return;
  // An open connection stays confined to the sync dirs of its start, so all hosts have to
  // reconnect.
  await endConnections(stateDir, () => false);
}
