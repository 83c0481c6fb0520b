import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PurgeReport } from '../api/reports.js';
import { SyncMediaError } from '../model/errors.js';
import { nameProcess } from '../state-dir/process-identity.js';
import { removeFolder } from '../state-dir/remove-folder.js';
import { readState } from '../state-dir/state.js';
import { countKept, listMarkedDirs } from './count-kept.js';
import type { HostsDeps, InitParts } from './deps.js';
import { findHost, listHosts } from './host-rows.js';
import { findWorkingLeader } from './replace-host.js';
import { unregisterHost } from './unregister.js';

/**
 * What this package puts into a state folder; with a dot first, what a killed process left there
 * before it was complete. Anything else stays.
 */
const ownStateFiles = new RegExp(
  `^(?:${[
    String.raw`\.[\w.]+\.[0-9a-f]{12}`,
    String.raw`host\.json|retire-on-stop|init\.lock(?:\.break)?`,
    String.raw`leader\.sock|l\.[0-9a-f]+`,
    String.raw`gate|ssh|sshd|id_ed25519(?:\.pub)?`,
    String.raw`git|git-shared\.json|annex|annex-shared\.json`,
    String.raw`(?:check-gate|try-host)-\w+`,
  ].join('|')})$`,
);

/** Without the prefix. */
const collections = [
  'hosts',
  'syncdirs',
  'captures',
  'ledger',
  'runs',
  'unreadable',
  'audit',
  'counters',
  'forgotten',
  'meta',
];

/**
 * Retires this host and removes everything that this package keeps on this machine: keys, state
 * folder, and `.syncmedia` of each sync dir with its trash, its conflicts and the files that were
 * replaced and not resolved yet. On the last host it also drops the collections. Uploads and
 * documents stay.
 *
 * @param dryRun only reports what would be removed
 * @throws NOT_INITIALISED; BAD_STATE while a process leads this host
 */
export async function purgeThisHost(
  deps: HostsDeps,
  dryRun: boolean,
  { watchLeaseMs }: InitParts = {},
): Promise<PurgeReport> {
  const { stateDir, collectionPrefix } = deps.config;
  const state = readState(stateDir);
  const host = state && (await findHost(deps, state.id));
  if (!state || !host)
    throw new SyncMediaError(
      'NOT_INITIALISED',
      `this machine has no host id in ${stateDir}, so nothing is known here that could be removed`,
    );
  const leader = dryRun ? undefined : await findWorkingLeader(deps, host, watchLeaseMs);
  if (leader !== undefined)
    throw new SyncMediaError(
      'BAD_STATE',
      `${nameProcess(leader)} still leads this host: stop the application first`,
    );
  const dirs = await listMarkedDirs(deps, state);
  const isLast = (await listHosts(deps)).every(
    ({ id, status }) => id === host.id || status === 'retired',
  );
  const report: PurgeReport = {
    hostname: host.hostname,
    stateDir,
    syncDirs: await Promise.all(
      dirs.map(async (dir) => ({
        path: dir,
        trash: await countKept(deps, state, dir, 'trash'),
        conflicts: await countKept(deps, state, dir, 'conflicts'),
        replaced: await countKept(deps, state, dir, 'replaced'),
      })),
    ),
    collections: isLast ? collections.map((name) => `${collectionPrefix}${name}`) : [],
    done: !dryRun,
  };
  if (dryRun) return report;
  // The state goes last, so that another call completes what was interrupted.
  for (const dir of dirs) await removeInternalFolder(join(state.root, dir, '.syncmedia'));
  await unregisterHost(deps, host);
  await removeStateFolder(stateDir);
  // A host may have registered meanwhile.
  const remaining = await listHosts(deps);
  const dropped = remaining.every(({ status }) => status === 'retired') ? collections : [];
  for (const name of dropped)
    await deps.connection.db?.dropCollection(`${collectionPrefix}${name}`).catch(ignoreMissing);
  return { ...report, collections: dropped.map((name) => `${collectionPrefix}${name}`) };
}

/** Removes the marker last: without it another call would leave the rest. */
async function removeInternalFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name !== 'id') await rm(join(folder, name), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}

async function removeStateFolder(stateDir: string): Promise<void> {
  for (const name of await readdir(stateDir).catch(() => []))
    if (ownStateFiles.test(name)) await removeFolder(join(stateDir, name));
  // A folder with other files, or the mount point of a volume, stays.
  await rmdir(stateDir).catch(() => undefined);
}

/** MongoDB before version 7 refuses to drop a collection that does not exist. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes('ns not found')) throw error;
}
