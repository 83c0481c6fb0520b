import type { HostStatus, Status } from '../../api/reports.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { HostContext } from '../../context/host-context.js';
import type { ThisHost } from '../../context/this-host.js';
import { readDatabaseClock } from '../../database/database-clock.js';
import { checkSite } from '../../doctor/check-site.js';
import { examineHost, examineOther } from '../../doctor/doctor.js';
import { findLeader } from '../../hosts/find-leader.js';
import { listRecoverableFiles } from '../../replica/recoverable.js';
import { nodeDisk } from '../../replica/node-disk.js';
import type { Entry } from '../../model/entry.js';
import type { Host, HostId } from '../../model/host.js';

const blockedLimit = 20,
  missingLimit = 100,
  conflictLimit = 100,
  unreadableLimit = 20,
  unrecordedLimit = 1_000;

export function createStatusActions(thisHost: ThisHost): Pick<SyncMedia, 'status' | 'doctor'> {
  return {
    status: async () =>
      thisHost.state
        ? readStatus(await thisHost.openContext())
        : {
            initialised: false,
            hosts: [],
            syncDirs: thisHost.dirs.listDeclared(),
            captures: 0,
            entries: 0,
            missing: 0,
            missingPaths: [],
            conflicts: [],
            unreadableRows: { count: 0, newest: [] },
          },
    doctor: async ({ host, siteUrl } = {}) => {
      // Another host can only be examined from an initialised one.
      const hostContext =
        thisHost.state || host !== undefined ? await thisHost.openContext() : undefined;
      await hostContext?.refresh();
      const other = host === undefined ? undefined : hostContext?.registry.get(host);
      if (hostContext && other && other.id !== hostContext.me)
        return examineOther(await thisHost.openConnection(), hostContext, other);
      const checks = await examineHost(await thisHost.openConnection(), hostContext);
      if (hostContext && siteUrl !== undefined)
        checks.push(
          ...(await checkSite(
            siteUrl,
            hostContext.dirs.current().list,
            hostContext.registry.all().map(({ id }) => id),
          )),
        );
      return checks;
    },
  };
}

/**
 * Reads the status from the database and from this host's disk. It is read afresh, so every
 * process gives the same answer.
 */
async function readStatus(hostContext: HostContext): Promise<Status> {
  const { registry, ledger, outbox, dirs, me, replica, unreadable, database } = hostContext;
  await hostContext.refresh();
  const now = await readDatabaseClock(database.connection);
  const hosts = registry.all().filter(({ status }) => status !== 'retired');
  const conflicts: Status['conflicts'] = [];
  const unsealedRules = dirs.listUnsealed();
  for (const dir of dirs.current().list) {
    if (await replica.check(dir).catch(() => true)) continue;
    const location = { disk: nodeDisk, dirPath: replica.absolute(dir.path), dir: dir.path };
    const kept = await listRecoverableFiles(
      location,
      'conflicts',
      conflictLimit - conflicts.length,
    ).catch(() => []);
    conflicts.push(...kept.map(({ mtime: _, ...file }) => file));
  }
  // Counted before the hosts: a capture is removed after its entries are pending, so nothing
  // falls between the two counts.
  const captures = await outbox.count();
  return {
    initialised: true,
    thisHost: { id: me, hostname: registry.me().hostname },
    hosts: await Promise.all(
      hosts.map((host) => describeHostStatus(hostContext, host, hosts, now)),
    ),
    syncDirs: [...dirs.current().list],
    ...(unsealedRules.length > 0 ? { unsealedRules } : {}),
    captures,
    entries: await ledger.count(),
    missing: await ledger.count({ missing: true }),
    missingPaths: (await ledger.listEntries({ missing: true }, missingLimit)).map(
      ({ path }) => path,
    ),
    conflicts,
    unreadableRows: {
      count: await unreadable.count(),
      newest: (await unreadable.list(unreadableLimit)).map(({ row: _, ...rest }) => rest),
    },
  };
}

async function describeHostStatus(
  { ledger, me }: HostContext,
  host: Host,
  hosts: readonly Host[],
  now: Date,
): Promise<HostStatus> {
  const deliveries = hosts.flatMap((origin) => {
    const delivery = origin.deliveries[host.id];
    return delivery ? [{ origin: origin.id, state: delivery }] : [];
  });
  const delivered = deliveries.flatMap(({ state: delivery }) =>
    delivery.deliveredAt ? [delivery.deliveredAt.getTime()] : [],
  );
  const blocked = await ledger.listEntries({ blocked: host.id }, blockedLimit);
  const pendingSince = await ledger.findOldestPending({ pending: host.id });
  const leader = await findLeader(host, now);
  return {
    id: host.id,
    hostname: host.hostname,
    status: host.status,
    passive: host.passive,
    ready: host.passive || host.readyAt !== undefined,
    thisHost: host.id === me,
    pending: await ledger.count({ pending: host.id }),
    ...(pendingSince ? { pendingSince } : {}),
    blocked: await ledger.count({ blocked: host.id }),
    blockedPaths: blocked.flatMap((entry) => describeBlocked(entry, host.id)),
    ...(delivered.length > 0 ? { deliveredAt: new Date(Math.max(...delivered)) } : {}),
    failures: deliveries.flatMap(({ origin, state: { failure, failingSince, nextTryAt } }) =>
      failure
        ? [
            {
              origin,
              failure,
              ...(failingSince ? { since: failingSince } : {}),
              ...(nextTryAt ? { nextTryAt } : {}),
            },
          ]
        : [],
    ),
    halted: host.halted,
    ...describeUnsyncable(host),
    ...(host.unreadable ? { unreadable: host.unreadable } : {}),
    ...(leader === undefined ? {} : { lease: { leader } }),
    ...(host.history
      ? {
          history: {
            ...host.history,
            unrecorded: await ledger.countUnrecorded(host.id, unrecordedLimit),
          },
        }
      : {}),
    ...(host.reload ? { reload: host.reload } : {}),
    ...(host.setup && host.setup.length > 0 ? { setup: host.setup } : {}),
    ...(host.unnamed ? { unnamed: host.unnamed } : {}),
  };
}

/** Why an entry is blocked for a host. A host that is pending again as well is being retried. */
export function describeBlocked(
  { path, blocked, pending }: Pick<Entry, 'path' | 'blocked' | 'pending'>,
  host: HostId,
): HostStatus['blockedPaths'] {
  return blocked
    .filter((one) => one.host === host)
    .map(({ failure, since, retryAt }) => ({
      path,
      failure,
      since,
      ...(retryAt ? { retryAt } : {}),
      ...(pending.includes(host) ? { retrying: true } : {}),
    }));
}

function describeUnsyncable({ unsyncable = {}, scans }: Host): Pick<HostStatus, 'unsyncable'> {
  const described = Object.entries(unsyncable).map(([dir, names]) => {
    const scan = scans?.[dir];
    return [dir, { ...names, ...(scan && { at: scan.changed }) }] as const;
  });
  return described.length > 0 ? { unsyncable: Object.fromEntries(described) } : {};
}
