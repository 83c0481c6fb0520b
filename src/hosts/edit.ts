import { SyncMediaError } from '../model/errors.js';
import type { HostChange, HostEdit, HostRegistration } from '../api/requests.js';
import { normaliseSyncDirs } from '../config/normalise-sync-dir.js';
import { identifiesAnother } from '../decisions/trusted.js';
import { validateAddress } from '../transport/ssh/address.js';
import type { Host, HostPause } from '../model/host.js';
import type { HostsDeps, InitParts } from './deps.js';
import { updateHost, type HostUpdate } from './host-rows.js';
import { initHost } from './init.js';
import { parsePublicKey } from '../util/public-key.js';
import { limitRemoteChange } from './remote-limits.js';
import { listPassiveDirs } from './own-dirs.js';
import { validateHostname, validateRootPath } from './registration.js';
import { readState } from '../state-dir/state.js';

const maxReasonLength = 500;

/**
 * Changes the registration of a host.
 *
 * For this host it runs `init` with the changes, because root and keys can only be checked here.
 * The root of another active host belongs to its own configuration, so it can only be changed
 * there. After a remote change of its key, address, user or root a host waits for approval,
 * because it was approved with the old values.
 * New sync dirs of a passive host are marked there.
 *
 * @throws BAD_OPTION, also for setting the status of a host that waits for approval;
 *   BAD_SYNC_DIR, BAD_KEY, HOST_EXISTS, HOST_RETIRED; the errors of marking
 */
export async function editHost(
  deps: HostsDeps,
  host: Host,
  edit: HostEdit,
  parts: InitParts = {},
  change: HostChange = {},
): Promise<Host> {
  if (host.status === 'retired')
    throw new SyncMediaError(
      'HOST_RETIRED',
      `the host ${host.hostname} was unregistered: run \`syncmedia init\` there to register it ` +
        `again`,
    );
  const { status, reason, ...described } = edit;
  if (status !== undefined && status !== 'approved' && status !== 'paused') {
    throw new SyncMediaError(
      'BAD_OPTION',
      `the status ${JSON.stringify(status)} is none: give approved or paused`,
    );
  }
  if (reason !== undefined && (status !== 'paused' || reason.length > maxReasonLength))
    throw new SyncMediaError(
      'BAD_OPTION',
      `a reason goes with the status paused, and has at most ${String(maxReasonLength)} characters`,
    );
  // Paused hosts are let in as well, so pausing must not bypass the approval.
  if (status !== undefined && host.status === 'pending') throw makePendingError(host);
  const isThis = host.id === readState(deps.config.stateDir)?.id;
  const wanted = Object.values(described).some((value) => value !== undefined);
  // This host's own registration limits what it opens. Of another host only its row is known
  // here.
  if (change.remote && !isThis) {
    limitRemoteChange({
      hostname: host.hostname,
      root: edit.rootPath,
      syncDirs: edit.syncDirs,
      own: { root: host.rootPath, allowed: host.syncDirs, declared: undefined },
    });
  }
  if (isThis && wanted) await initHost(deps, toRegistration(edit), parts, change);
  if (host.passive && !change.remote)
    await markAddedDirs(deps, host, { ...host, ...checkOtherHost(host, edit) });
  const edited = await updateHost(deps, host.id, (now) => {
    const fields = isThis ? {} : checkOtherHost(now, edit);
    if (change.remote && identifiesAnother(now, fields)) return { ...fields, status: 'pending' };
    if (status !== undefined && now.status === 'pending') throw makePendingError(now);
    return {
      ...fields,
      ...(status !== undefined && { status }),
      ...(status === 'paused' && { paused: describePause(now, reason, change.by) }),
    };
  });
  if (!edited)
    throw new SyncMediaError(
      'UNKNOWN_HOST',
      `the host ${host.hostname} was unregistered meanwhile`,
    );
  return edited;
}

/**
 * Marks the sync dirs that an edit adds on a passive host, which has no `init` of its own to do
 * it. The others stay as they are: one without a marker may be an empty mount point. Below
 * another root every directory is new.
 */
async function markAddedDirs(deps: HostsDeps, host: Host, edited: Host): Promise<void> {
  if (host.status === 'pending') return;
  const state = readState(deps.config.stateDir);
  const before = edited.rootPath === host.rootPath ? await listPassiveDirs(deps, host, state) : [];
  const added = (await listPassiveDirs(deps, edited, state)).filter((dir) => !before.includes(dir));
  if (added.length > 0) await deps.markRemoteDirs(edited, added);
}

/** A host that is paused already stays so since then, for the new reason. */
function describePause(
  { status, paused }: Host,
  reason: string | undefined,
  by: string | undefined,
): HostPause {
  return {
    since: (status === 'paused' ? paused?.since : undefined) ?? new Date(),
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
  };
}

function makePendingError({ hostname, id }: Host): SyncMediaError {
  return new SyncMediaError(
    'BAD_OPTION',
    `the host ${hostname} waits for approval: compare its fingerprints ` +
      `(\`syncmedia hosts show ${id}\`) and run \`syncmedia approve ${id}\``,
  );
}

function toRegistration({
  hostname,
  url,
  sshPort,
  username,
  rootPath,
  syncDirs,
  publicKey,
}: HostEdit): HostRegistration {
  const all = { hostname, url, sshPort, username, root: rootPath, syncDirs, key: publicKey };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function checkOtherHost(
  host: Host,
  { hostname, url, sshPort, username, rootPath, syncDirs, publicKey }: HostEdit,
): HostUpdate {
  if (rootPath !== undefined && !host.passive && rootPath !== host.rootPath) {
    throw new SyncMediaError(
      'BAD_OPTION',
      `the root of ${host.hostname} can only be changed there: run \`syncmedia init --root ` +
        `${rootPath}\` on it`,
    );
  }
  validateAddress({
    url: url ?? host.url,
    sshPort: sshPort ?? host.sshPort,
    username: username ?? host.username,
  });
  return {
    ...(hostname !== undefined && { hostname: validateHostname(hostname) }),
    ...(url !== undefined && { url }),
    ...(sshPort !== undefined && { sshPort }),
    ...(username !== undefined && { username }),
    ...(rootPath !== undefined && { rootPath: validateRootPath(rootPath) }),
    ...(syncDirs !== undefined && {
      syncDirs:
        syncDirs.length === 0
          ? []
          : normaliseSyncDirs(syncDirs, `the sync dirs of ${host.hostname}`),
    }),
    ...(publicKey !== undefined && {
      publicKey:
        publicKey === '' && host.passive
          ? ''
          : parsePublicKey(publicKey, `the key of ${host.hostname}`).line,
    }),
  };
}
