import type { FileStatus } from '../../api/reports.js';
import type { HostContext } from '../../context/host-context.js';
import { lookUpPaths, type PathLookup } from '../../context/look-up.js';
import { explainPending } from '../../decisions/pending-reason.js';
import { explainUnconcerned } from '../../decisions/unconcerned.js';
import type { UnsyncedFile } from '../../model/capture.js';
import type { Host, HostId } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import { describeUnsynced } from '../setup-problems.js';

/** Describes where files are: which hosts hold them, which lack them, and why. */
export async function describeFiles(
  paths: readonly Path[],
  unsynced: readonly UnsyncedFile[],
  hostContext: HostContext,
): Promise<FileStatus[]> {
  const [knownOf] = await Promise.all([lookUpPaths(hostContext, paths), hostContext.refresh()]);
  const hosts = hostContext.registry.all();
  return [
    ...paths.map((path) => describeFile(path, knownOf(path), hosts)),
    ...unsynced.map(describeUnsyncedFile),
  ];
}

/**
 * Lists hosts that process their captures sooner or later. A retired host's captures are never
 * processed.
 */
export function listProcessingHosts(hosts: readonly Host[]): Set<HostId> {
  return new Set(hosts.filter(({ status }) => status !== 'retired').map(({ id }) => id));
}

function describeFile(
  path: Path,
  { captured, entry }: PathLookup,
  hosts: readonly Host[],
): FileStatus {
  const nameOf = (id: HostId): { id: HostId; hostname: string } => ({
    id,
    hostname: hosts.find((host) => host.id === id)?.hostname ?? id,
  });
  const processing = listProcessingHosts(hosts),
    pending = captured.filter(({ host }) => processing.has(host)).map(({ host }) => nameOf(host));
  const pendingCaptures = pending.length > 0 ? { pendingCaptures: pending } : {};
  if (!entry)
    return { path, captured: pending.length > 0, ...pendingCaptures, heldBy: [], pending: [] };
  const lacking = [...new Set([...entry.pending, ...entry.blocked.map(({ host }) => host)])];
  const concerned = new Set([...entry.heldBy, ...lacking]);
  return {
    path,
    captured: true,
    ...pendingCaptures,
    kind: entry.kind,
    version: entry.version,
    capturedAt: entry.capturedAt,
    origin: nameOf(entry.origin),
    ...(entry.savedBy ? { savedBy: entry.savedBy } : {}),
    ...(entry.info
      ? { size: entry.info.size, ...(entry.info.sha256 ? { sha256: entry.info.sha256 } : {}) }
      : {}),
    heldBy: entry.heldBy.map(nameOf),
    pending: lacking.map((id) => ({
      ...nameOf(id),
      since: entry.capturedAt,
      blocked: entry.blocked.some(({ host }) => host === id) && !entry.pending.includes(id),
      ...explainPending(entry, id, hosts),
    })),
    unconcerned: hosts
      .filter(({ id, status }) => status !== 'retired' && !concerned.has(id))
      .map((host) => ({ ...nameOf(host.id), why: explainUnconcerned(host, entry, hosts) })),
  };
}

function describeUnsyncedFile(unsynced: UnsyncedFile): FileStatus {
  const { path, ...why } = unsynced;
  return {
    path,
    captured: false,
    unsynced: { ...why, message: describeUnsynced(unsynced) },
    heldBy: [],
    pending: [],
  };
}
