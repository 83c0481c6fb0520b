import { SyncMediaError } from '../model/errors.js';
import type { Host } from '../model/host.js';
import type { HostsDeps } from './deps.js';
import { toHost } from './host-model.js';
import { listHosts, pickHostCollection } from './host-rows.js';
import { installKeys, uninstallKeys } from '../access/install-keys.js';
import { readState, removeState } from '../state-dir/state.js';

/**
 * Retires a host for good: nothing is pending for it any more, and every active host removes its
 * key, this one at once. The row stays, with its name and url changed so that both can be used
 * again. If it is this host, `host.json` is removed from its state folder. Files and markers
 * stay. Another call completes what a crash interrupted.
 */
export async function unregisterHost(deps: HostsDeps, host: Host): Promise<Host> {
  const rows = pickHostCollection(deps);
  const retired =
    (await rows.findOneAndUpdate(
      { _id: host.id, status: { $ne: 'retired' } },
      {
        $set: { status: 'retired', ...freeNames(host), rescans: {}, updatedAt: new Date() },
        $unset: { lease: 1, seal: 1 },
      },
      { returnDocument: 'after', includeResultMetadata: false },
    )) ?? (await rows.findOne({ _id: host.id }));
  if (!retired) throw new SyncMediaError('UNKNOWN_HOST', `no host has the id ${host.id}`);
  const state = readState(deps.config.stateDir);
  if (state?.id === host.id) {
    await uninstallKeys({ stateDir: deps.config.stateDir, state, log: deps.config.log });
    await removeState(deps.config.stateDir);
  } else if (state) {
    await installKeys(
      { stateDir: deps.config.stateDir, state, log: deps.config.log },
      await listHosts(deps),
    );
  }
  // Remove the host from the ledger last: its key is gone then, whatever happens.
  await deps.forgetHost(host.id);
  return toHost(retired);
}

/** Makes names that no host can have, because the unique indexes include retired hosts. */
function freeNames({ id, hostname, url }: Host): Pick<Host, 'hostname' | 'url'> {
  return { hostname: `${hostname}#${id}`, url: `${url}#${id}` };
}

/** Returns a host with the names it had before it was retired. */
export function restoreNames(host: Host): Host {
  const end = `#${host.id}`;
  const restore = (name: string): string =>
    name.endsWith(end) ? name.slice(0, -end.length) : name;
  return { ...host, hostname: restore(host.hostname), url: restore(host.url) };
}
