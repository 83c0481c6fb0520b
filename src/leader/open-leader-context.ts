import { isDeepStrictEqual } from 'node:util';
import { makeRecheckCapture } from '../capture/make-captures.js';
import type { HostContext } from '../context/host-context.js';
import type { LeaderContext } from '../context/leader-context.js';
import { findDowntime } from '../decisions/forgotten.js';
import { mayLackVersion } from '../decisions/may-lack-version.js';
import { wantsPath } from '../decisions/wants.js';
import { HeartbeatMonitor } from '../hosts/heartbeats.js';
import { Acknowledger } from '../ledger/acknowledge.js';
import { PathReconciler } from '../ledger/reconcile-path.js';
import { scanSyncDir } from '../ledger/scan.js';
import type { Entry } from '../model/entry.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { UnsyncableNames } from '../model/host.js';
import { isSafePath } from '../replica/paths.js';
import { DeliveryQueues } from '../replication/delivery-queues.js';
import { OwnDisk } from '../replication/own-disk.js';
import { ReceiveNotices } from '../replication/receive-notices.js';
import type { Backend } from '../transport/backend.js';
import type { CreateResolver } from '../transport/options.js';
import { NamedSearch } from './named-search.js';

/** What a leader's jobs share. Its owner closes it after the jobs. */
export interface OpenedLeaderContext {
  readonly context: LeaderContext;
  readonly queues: DeliveryQueues;
  close(): Promise<void>;
}

/** @param signal aborted when this leader ends */
export function openLeaderContext(
  hostContext: HostContext,
  backend: Backend,
  createResolver: CreateResolver,
  signal: AbortSignal,
): OpenedLeaderContext {
  const { tuning, ledger, events, registry, me, dirs, outbox, replica, rootPath } = hostContext;
  const disk = new OwnDisk(
    replica,
    rootPath,
    () => dirs.current(),
    me,
    createResolver,
    tuning.leftoverMs,
    (dir, found) => recordUnsyncable(hostContext, dir, found),
  );
  const named = new NamedSearch(
    (paths, searchSignal) => hostContext.findNamedPaths(paths, searchSignal),
    signal,
  );
  const findSyncDir: LeaderContext['findSyncDir'] = (path) => {
    const current = dirs.current();
    return isSafePath(path) && !current.isExcluded(path) ? current.findFor(path) : undefined;
  };
  const listReceivers: LeaderContext['listReceivers'] = (path) =>
    findSyncDir(path) &&
    registry
      .recipients()
      .filter((host) => host.id !== me && wantsPath(host, path))
      .map(({ id }) => id);
  const recording = backend.history && {
    mayLack: (replaced: Entry): boolean =>
      mayLackVersion(replaced, registry.find(replaced.capturedBy), new Date()),
  };
  const reconciler = new PathReconciler({
    ledger,
    disk,
    me,
    events,
    listReceivers,
    isReady: () => registry.me().readyAt !== undefined,
    areRemovalsHalted: (path) => (dirs.current().findFor(path)?.path ?? '') in registry.me().halted,
    isCaptured: (path) => outbox.hasCaptureOf(me, path),
    awaitSaveMs: tuning.candidateMs,
    downtime: findDowntime(registry.me(), new Date()),
    recording,
    isReferenced: async (path) => {
      const found = await named.findNamedPaths([path]);
      return found.undetermined.has(path) ? 'unknown' : found.named.has(path);
    },
  });
  const entryListeners = new Set<(entries: readonly Entry[]) => void>();
  const enqueue: LeaderContext['enqueue'] = (entries) => {
    queues.enqueue(entries);
    for (const listener of entryListeners) listener(entries);
  };
  const notices = new ReceiveNotices(events, (files) => registry.raiseReceived(files));
  const context: LeaderContext = {
    ...hostContext,
    backend,
    recording,
    disk,
    reconciler,
    acknowledger: new Acknowledger(ledger, events),
    heartbeats: new HeartbeatMonitor(tuning.goneMs, 3 * tuning.pollMs),
    findSyncDir,
    listReceivers,
    searchNamedPaths: (paths) => named.findNamedPaths(paths),
    scan: async (dir, scanSignal, scope) => {
      await scanSyncDir({ reconciler, ledger, disk, me }, dir, scanSignal, enqueue, scope);
    },
    recheckPaths: async (paths) => {
      enqueue(await reconciler.reconcilePaths(paths, { why: 'scan', comparesContent: true }));
    },
    enqueue,
    onEntries: (listener) => {
      entryListeners.add(listener);
      return () => {
        entryListeners.delete(listener);
      };
    },
    hasTraffic: () => queues.hasTraffic,
    wakeQueue: (host) => {
      queues.wake(host);
    },
    requestCheck: (host, path) => outbox.insert(makeRecheckCapture(host, path)),
    notifyReceiver: (host, files) => {
      notices.add(host, files);
    },
    reportReceived: (files) => {
      events.emit('received', { files });
    },
  };
  const queues = new DeliveryQueues(context);
  return {
    context,
    queues,
    close: async () => {
      await queues.close();
      await notices.close();
    },
  };
}

async function recordUnsyncable(
  { registry, events }: Pick<HostContext, 'registry' | 'events'>,
  { path }: SyncDir,
  found: UnsyncableNames,
): Promise<void> {
  const before = registry.me().unsyncable?.[path];
  if (isDeepStrictEqual(before ?? { count: 0, examples: [] }, found)) return;
  await registry.recordUnsyncable(path, found.count > 0 ? found : undefined);
  if (found.count > 0) events.emit('unsyncable', { dir: path, found });
}
