import { listFirst } from '../util/list-first.js';
import { join } from 'node:path';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import { readMarker, writeMarker } from '../replica/marker.js';
import { isSafePath, quotePath } from '../replica/paths.js';
import type { HostState } from '../state-dir/state.js';
import type { HostsDeps, InitCheck } from './deps.js';
import { listHosts } from './host-rows.js';
import { listOwnDirs } from './own-dirs.js';
import { findDirFault, type ResolvedRegistration } from './registration.js';

/** A report shows at most this many directories that only the database names. */
const maxIgnoredShown = 20;

/**
 * Refuses a directory with the marker of another registered host at the same address and root:
 * two hosts on one directory would send files to themselves.
 */
export async function refuseSharedDirs(
  deps: HostsDeps,
  id: string,
  own: ResolvedRegistration,
): Promise<void> {
  const hosts = await listHosts(deps);
  for (const dir of await listOwnDirs(deps, { root: own.root, syncDirs: own.ownSyncDirs })) {
    const marker = await readMarker(deps.disk, join(own.root, dir)).catch(() => undefined);
    const other = hosts.find(
      (host) => host.id === marker?.host && host.id !== id && host.status !== 'retired',
    );
    if (other?.url === own.url && other.rootPath === own.root) {
      throw new SyncMediaError(
        'BAD_STATE',
        `${join(own.root, dir)} belongs to the host ${other.hostname} (${other.id}): give every ` +
          `host a root of its own. If this machine was that host and lost its state folder, run ` +
          `\`syncmedia init --replace\`; if this is a copy of its disk, remove ` +
          `${join(own.root, dir, '.syncmedia/id')}`,
      );
    }
  }
}

/**
 * Lists this host's sync dirs without a marker of this host. A marker opens a directory, so
 * remote requests cannot write one.
 */
export async function reportUnmarkedDirs(
  deps: HostsDeps,
  host: Host,
  state: HostState,
  checks: InitCheck[],
): Promise<Path[]> {
  const { root } = state,
    unmarked: Path[] = [];
  for (const dir of await listOwnDirs(deps, state)) {
    const marker = await readMarker(deps.disk, join(root, dir)).catch(() => undefined);
    if (marker?.host === host.id) continue;
    unmarked.push(dir);
    checks.push({
      name: `sync dir ${dir}`,
      ok: false,
      message: `${dir} is not marked for this host, so nothing is synced in it`,
      remedy: 'run `syncmedia init` on this host',
    });
  }
  return unmarked;
}

/**
 * Reports directories that only the database names. If `init` opened them, anyone with write
 * access to the database could open directories on every host.
 */
export async function reportIgnoredDirs(
  deps: HostsDeps,
  state: HostState,
  checks: InitCheck[],
): Promise<void> {
  const own = await listOwnDirs(deps, state);
  const ignored = (await deps.syncDirs.all())
    .map(({ path }) => path)
    .filter((path) => !own.includes(path));
  if (ignored.length === 0) return;
  // Show directories that this host could open first, since a forged row may have any text as its
  // path.
  const sorted = [...ignored.filter(isSafePath), ...ignored.filter((path) => !isSafePath(path))];
  const shown = listFirst(
    sorted.map((path) => quotePath(String(path))),
    maxIgnoredShown,
  );
  checks.push({
    name: 'rows of sync dirs',
    ok: true,
    message:
      `the database names ${shown}; ` +
      `this host opens only what its own models and --sync-dirs name, so ` +
      `${ignored.length === 1 ? 'it was' : 'these were'} not marked`,
    remedy:
      'if this host is to keep them, start the app whose models declare them, or list them in ' +
      '--sync-dirs, and run `syncmedia init` again',
  });
}

/**
 * Writes the markers of this host's sync dirs.
 * @returns whether a directory had the marker of another host: this disk was a replica before
 */
export async function markOwnDirs(
  deps: HostsDeps,
  host: Host,
  state: HostState,
  checks: InitCheck[],
): Promise<boolean> {
  let returned = false;
  const { root } = state,
    dirs = await listOwnDirs(deps, state);
  if (dirs.length === 0) {
    checks.push({
      name: 'sync dirs',
      ok: false,
      message: 'no sync dir is known yet, so none was marked',
      remedy:
        'give --sync-dirs, or start the app once so that its models declare them, and run ' +
        '`syncmedia init` again',
    });
  }
  for (const dir of dirs) {
    const name = `sync dir ${dir}`;
    const fault = await findDirFault(root, dir);
    if (fault !== undefined) {
      checks.push({
        name,
        ok: false,
        message: fault,
        remedy: `create or mount ${join(root, dir)}, and run \`syncmedia init\` again`,
      });
      continue;
    }
    try {
      const before = await readMarker(deps.disk, join(root, dir));
      returned ||= before !== undefined && before.host !== host.id;
      await writeMarker(deps.disk, join(root, dir), host.id, dir, { force: true });
    } catch (error) {
      checks.push({
        name,
        ok: false,
        message: getErrorMessage(error),
        remedy: `let ${host.username} own ${join(root, dir)}`,
      });
    }
  }
  return returned;
}
