import { messageOf } from '../errors/errors.js';
import type { Log } from '../log.js';
import type { Host } from '../words.js';
import { formatKeyLine, removeManagedBlock, writeManagedBlock } from './authorized-keys.js';
import type { State } from './state.js';

/** Where the keys go, and who says so. */
export interface KeyTarget { state: Pick<State, 'id' | 'database' | 'authorizedKeysFile'>; log: Log }

/**
 * Lets in whom the registry says: this host, and the approved and paused others that have a key; nobody once this host is retired.
 * A row whose key is none is left out and said. Nothing is written where nothing changed.
 *
 * @returns whether the file changed
 * @throws BAD_AUTHORIZED_KEYS, TIMED_OUT
 */
export async function installKeys({ state, log }: KeyTarget, hosts: readonly Host[]): Promise<boolean> {
  const owner = ownerOf(state);
  const me = hosts.find(({ id }) => id === state.id);
  if (me?.status === 'retired') return removeManagedBlock(state.authorizedKeysFile, owner);
  const lines: string[] = [];
  for (const host of hosts.filter((one) => mayLogIn(one, state.id))) {
    try {
      lines.push(formatKeyLine(host));
    } catch (error) {
      log.warn(`host ${host.hostname} cannot log in here: ${messageOf(error)}`);
    }
  }
  return writeManagedBlock(state.authorizedKeysFile, owner, lines.sort());
}

/** Takes the keys of this installation out of the file again. */
export async function uninstallKeys(state: KeyTarget['state']): Promise<boolean> {
  return removeManagedBlock(state.authorizedKeysFile, ownerOf(state));
}

/** Hosts and databases that share one authorized_keys file each have a block of their own. */
function ownerOf({ id, database }: KeyTarget['state']): string {
  return `${database.id}/${id}`;
}

function mayLogIn(host: Host, self: string): boolean {
  return host.publicKey !== '' && (host.id === self || host.status === 'approved' || host.status === 'paused');
}
