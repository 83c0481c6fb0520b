import { getErrorMessage } from '../model/errors.js';
import type { Log } from '../model/log.js';
import type { Host } from '../model/host.js';
import { removeManagedBlock, writeManagedBlock } from './authorized-keys.js';
import { formatKeyLine } from './format-key-line.js';
import { closeGate, formatGateCommand, setGateHosts } from './gate.js';
import { endConnections } from './open-connections.js';
import { readState, type HostState } from '../state-dir/state.js';

/** The files to write the keys to, and the state of this host. */
export interface KeyTarget {
  readonly stateDir: string;
  readonly state: Pick<
    HostState,
    'id' | 'database' | 'authorizedKeysFile' | 'root' | 'syncDirs' | 'unconfined' | 'registered'
  >;
  readonly log: Log;
}

/**
 * Lets the approved and paused hosts of the registry log in, each with its key. This host's own
 * key comes from its state folder, since its row may be pending or forged. If this host is
 * retired, all keys are removed.
 *
 * The gate confines each key unless a person chose otherwise. Connections of all other hosts end.
 * A host with a malformed key is left out, with a warning. Files are written only if they change.
 *
 * @returns whether authorized_keys changed
 * @throws BAD_AUTHORIZED_KEYS, BAD_STATE, TIMED_OUT
 */
export async function installKeys(target: KeyTarget, hosts: readonly Host[]): Promise<boolean> {
  const { stateDir, state, log } = target;
  if (hosts.find(({ id }) => id === state.id)?.status === 'retired') return uninstallKeys(target);
  const keys = new Map<string, string>();
  const formatLine = (id: string, publicKey: string, unconfined: true | undefined): string =>
    formatKeyLine({ id, publicKey }, unconfined ? undefined : formatGateCommand(stateDir, id));
  for (const host of hosts) {
    const publicKey = host.id === state.id ? state.registered?.publicKey : getAllowedKey(host);
    if (publicKey === undefined) continue;
    try {
      formatLine(host.id, publicKey, state.unconfined);
      keys.set(host.id, publicKey);
    } catch (error) {
      log.warn(`host ${host.hostname} cannot log in here: ${getErrorMessage(error)}`);
    }
  }
  // Update the gate first: it then refuses removed hosts, also on connections that are open.
  if (!state.unconfined) await setGateHosts(stateDir, state, [...keys.keys()]);
  const changed = await writeManagedBlock(state.authorizedKeysFile, getBlockOwner(state), () => {
    // An `init` may have changed the key or the confinement since this process read its state.
    const { registered, unconfined } = readStateNow(target);
    if (keys.has(state.id) && registered) keys.set(state.id, registered.publicKey);
    return [...keys].map(([id, publicKey]) => formatLine(id, publicKey, unconfined)).sort();
  });
  await endOtherConnections(target, hosts, (id) => keys.has(id));
  return changed;
}

/**
 * Removes the keys of this installation from authorized_keys and ends their connections.
 *
 * A process may still run for a retired host while `init` has registered the machine anew. The
 * gate and the connections are those of the new host then.
 */
export async function uninstallKeys(target: KeyTarget): Promise<boolean> {
  const { stateDir, state } = target;
  const isReplaced = (readState(stateDir)?.id ?? state.id) !== state.id;
  if (!isReplaced) await closeGate(stateDir);
  const changed = await removeManagedBlock(state.authorizedKeysFile, getBlockOwner(state));
  if (!isReplaced) await endOtherConnections(target, [], () => false);
  return changed;
}

/**
 * Reads the state of this host again: `init` may have changed it since this process started.
 *
 * @throws BAD_STATE
 */
export function readStateNow({
  stateDir,
  state,
}: Pick<KeyTarget, 'stateDir' | 'state'>): KeyTarget['state'] {
  const now = readState(stateDir);
  return now?.id === state.id ? now : state;
}

async function endOtherConnections(
  { stateDir, log }: KeyTarget,
  hosts: readonly Host[],
  mayStay: (id: string) => boolean,
): Promise<void> {
  for (const id of await endConnections(stateDir, mayStay)) {
    // The row of a retired host has its id after the name.
    const name = hosts.find((host) => host.id === id)?.hostname.replace(`#${id}`, '') ?? id;
    log.info(`the open connections of host ${name} were ended: it may not log in here any more`);
  }
}

/**
 * Installations that share one authorized_keys file have separate blocks, by host and database.
 */
function getBlockOwner({ id, database }: KeyTarget['state']): string {
  return `${database.id}/${id}`;
}

/** Returns the key of another host that may log in here. */
function getAllowedKey({ publicKey, status }: Host): string | undefined {
  return publicKey !== '' && (status === 'approved' || status === 'paused') ? publicKey : undefined;
}
