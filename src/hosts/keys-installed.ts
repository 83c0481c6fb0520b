import { messageOf } from '../errors/errors.js';
import type { Log } from '../log.js';
import type { Host } from '../words.js';
import { formatKeyLine, removeManagedBlock, writeManagedBlock } from './authorized-keys.js';
import { closeGate, gateCommand, setGateHosts } from './gate.js';
import { endConnections } from './open-connections.js';
import type { State } from './state.js';

/** Where the keys go, and who says so. */
export interface KeyTarget {
  readonly stateDir: string;
  readonly state: Pick<State, 'id' | 'database' | 'authorizedKeysFile' | 'root' | 'syncDirs' | 'unconfined' | 'registered'>;
  readonly log: Log;
}

/**
 * Lets in whom the registry says: the approved and paused others that have a key, and this host by the key of its state folder, since its row may be
 * pending or forged; nobody once this host is retired.
 * Each key is confined by the gate, unless a person decided otherwise. The connections of everyone else end. A row whose key is none
 * is left out and said. Nothing is written where nothing changed.
 *
 * @returns whether the file changed
 * @throws BAD_AUTHORIZED_KEYS, BAD_STATE, TIMED_OUT
 */
export async function installKeys(target: KeyTarget, hosts: readonly Host[]): Promise<boolean> {
  const { stateDir, state, log } = target;
  if (hosts.find(({ id }) => id === state.id)?.status === 'retired') return uninstallKeys(target);
  const lines = new Map<string, string>();
  for (const host of hosts) {
    const publicKey = host.id === state.id ? state.registered?.publicKey : keyOf(host);
    if (publicKey === undefined) continue;
    try {
      lines.set(host.id, formatKeyLine({ id: host.id, publicKey }, state.unconfined ? undefined : gateCommand(stateDir, host.id)));
    } catch (error) {
      log.warn(`host ${host.hostname} cannot log in here: ${messageOf(error)}`);
    }
  }
  // The gate first: from then on it refuses whoever is not in its rules, also on connections that are open.
  if (!state.unconfined) await setGateHosts(stateDir, state, [...lines.keys()]);
  const changed = await writeManagedBlock(state.authorizedKeysFile, ownerOf(state), [...lines.values()].sort());
  await endOthers(target, hosts, (id) => lines.has(id));
  return changed;
}

/** Takes the keys of this installation out of the file again, and ends the connections they opened. */
export async function uninstallKeys(target: KeyTarget): Promise<boolean> {
  const { stateDir, state } = target;
  await closeGate(stateDir);
  const changed = await removeManagedBlock(state.authorizedKeysFile, ownerOf(state));
  await endOthers(target, [], () => false);
  return changed;
}

async function endOthers({ stateDir, log }: KeyTarget, hosts: readonly Host[], mayStay: (id: string) => boolean): Promise<void> {
  for (const id of await endConnections(stateDir, mayStay)) {
    log.info(`the open connections of host ${hosts.find((host) => host.id === id)?.hostname ?? id} were ended: it may not log in here any more`);
  }
}

/** Hosts and databases that share one authorized_keys file each have a block of their own. */
function ownerOf({ id, database }: KeyTarget['state']): string {
  return `${database.id}/${id}`;
}

/** The key by which another host may log in here, if it may. */
function keyOf({ publicKey, status }: Host): string | undefined {
  return publicKey !== '' && (status === 'approved' || status === 'paused') ? publicKey : undefined;
}
