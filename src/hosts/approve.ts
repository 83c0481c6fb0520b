import { digestHost } from '../api/describe-host.js';
import { SyncMediaError } from '../model/errors.js';
import type { Host } from '../model/host.js';
import type { HostsDeps } from './deps.js';
import { listHosts, updateHost } from './host-rows.js';
import { listPassiveDirs } from './own-dirs.js';
import { readState } from '../state-dir/state.js';

/**
 * Approves a host: from now on the other hosts install its key, mark files pending for it
 * and send to it. The approval counts for exactly what the person was shown. The sync dirs of a
 * passive host are marked first.
 *
 * @param digest of the host as it was shown (`HostDescription.digest`)
 * @throws HOST_CHANGED if its row has changed since, HOST_RETIRED; the errors of marking
 */
export async function approveHost(deps: HostsDeps, host: Host, digest: string): Promise<Host> {
  if (host.status === 'retired')
    throw new SyncMediaError(
      'HOST_RETIRED',
      `the host ${host.hostname} was unregistered: run \`syncmedia init\` there to register it ` +
        `again`,
    );
  if (digestHost(host) !== digest) throw makeHostChangedError(host);
  if (host.passive && host.status === 'pending')
    await deps.markRemoteDirs(
      host,
      await listPassiveDirs(deps, host, readState(deps.config.stateDir)),
    );
  const approved = await updateHost(deps, host.id, (now) => {
    if (digestHost(now) !== digest) throw makeHostChangedError(now);
    return { status: 'approved' };
  });
  if (!approved)
    throw new SyncMediaError(
      'UNKNOWN_HOST',
      `the host ${host.hostname} was unregistered meanwhile`,
    );
  return approved;
}

/**
 * Renews every valid seal, of hosts and of sync dir rules. Afterwards none depends on a previous
 * secret.
 * @returns the sealed hosts, and those that a person has to approve first
 * @throws BAD_ENVIRONMENT without a secret
 */
export async function sealHosts(deps: HostsDeps): Promise<{ sealed: Host[]; pending: Host[] }> {
  if (!deps.seals.isActive)
    throw new SyncMediaError(
      'BAD_ENVIRONMENT',
      'SYNCMEDIA_SECRET is not set, so nothing can be sealed: set it to 32 bytes or more, as ' +
        '`openssl rand -base64 48` gives them',
    );
  await deps.syncDirs.sealAll();
  const hosts = (await listHosts(deps)).filter(({ status }) => status !== 'retired');
  const sealed: Host[] = [];
  for (const { id } of hosts.filter(({ unsealed }) => !unsealed)) {
    const host = await updateHost(deps, id, () => ({}));
    if (host) sealed.push(host);
  }
  return { sealed, pending: hosts.filter(({ unsealed }) => unsealed) };
}

export function makeHostChangedError({ hostname, id }: Host): SyncMediaError {
  return new SyncMediaError(
    'HOST_CHANGED',
    `the host ${hostname} changed since it was shown: look at it again (\`syncmedia hosts ` +
      `show ${id}\`), then decide`,
  );
}
