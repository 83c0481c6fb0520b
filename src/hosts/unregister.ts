import { SyncMediaError } from '../errors/errors.js';
import type { Host } from '../words.js';
import type { HostsDeps } from './deps.js';
import { toHost } from './host-model.js';
import { listHosts, rowsOf } from './host-rows.js';
import { installKeys, uninstallKeys } from './keys-installed.js';
import { readState, removeState } from './state.js';

/**
 * Retires a host for good: it is owed nothing more and its key leaves every active host, this one at once. Its row stays, with its
 * name and url changed so that they are free again. This host also loses its state folder's `host.json`. Files and markers stay.
 * Called again it completes what a crash left.
 */
export async function unregisterHost(deps: HostsDeps, host: Host): Promise<Host> {
  const rows = rowsOf(deps);
  const retired = await rows.findOneAndUpdate(
    { _id: host.id, status: { $ne: 'retired' } },
    { $set: { status: 'retired', ...freeNames(host), sweeps: {}, updatedAt: new Date() }, $unset: { lease: 1, seal: 1 } },
    { returnDocument: 'after', includeResultMetadata: false },
  ) ?? await rows.findOne({ _id: host.id });
  if (!retired) throw new SyncMediaError('UNKNOWN_HOST', `no host has the id ${host.id}`);
  const state = readState(deps.config.stateDir);
  if (state?.id === host.id) {
    await uninstallKeys({ stateDir: deps.config.stateDir, state, log: deps.config.log });
    await removeState(deps.config.stateDir);
  } else if (state) {
    await installKeys({ stateDir: deps.config.stateDir, state, log: deps.config.log }, await listHosts(deps));
  }
  // Last: whatever the ledger says, its key is gone.
  await deps.forget(host.id);
  return toHost(retired);
}

/** The unique indexes know nothing of retired hosts, so these get names that no host can have. */
function freeNames({ id, hostname, url }: Host): Pick<Host, 'hostname' | 'url'> {
  return { hostname: `${hostname}#${id}`, url: `${url}#${id}` };
}

/** A host as it was called before it was retired. */
export function restoreNames(host: Host): Host {
  const end = `#${host.id}`;
  const restore = (name: string): string => (name.endsWith(end) ? name.slice(0, -end.length) : name);
  return { ...host, hostname: restore(host.hostname), url: restore(host.url) };
}
