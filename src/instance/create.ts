import type { RequestHandler } from 'express';
import type { AdminOptions } from '../admin/admin-options.js';
import { createAdmin } from '../admin/create-admin.js';
import { EventStreams } from '../admin/events/event-streams.js';
import type { MetricsRegistry } from '../api/metrics.js';
import type { SyncMedia } from '../api/sync-media.js';
import { defaultTuning, type SyncMediaOptions, type Tuning } from '../config/config.js';
import { type ReadyLimits, resolveReadyLimits } from '../config/ready-limits.js';
import { resolveConfig } from '../config/resolve-config.js';
import { ThisHost } from '../context/this-host.js';
import { CounterWriter } from '../counters/counter-writer.js';
import { LeaderElection } from '../leader/election.js';
import { SiteMetrics } from '../metrics/site-metrics.js';
import { MediaServer } from '../serving/media-server.js';
import { Readiness } from '../serving/readiness.js';
import type { ServeOptions } from '../serving/serve-options.js';
import { createSyncReady } from '../serving/sync-ready.js';
import { createCaptureActions } from './actions/captures.js';
import { FileActions } from './actions/files.js';
import { createFileSearchActions } from './actions/find-files.js';
import { createHistoryActions } from './actions/history.js';
import { createHostActions } from './actions/hosts.js';
import { OverviewActions } from './actions/overview.js';
import { createRecoverableActions } from './actions/recoverable.js';
import { createRemovalActions } from './actions/removals.js';
import { RunActions } from './actions/runs.js';
import { createStatusActions } from './actions/status.js';
import { Audit, auditChanges } from './audit.js';
import { createLifeCycle } from './life-cycle.js';
import { SetupWatch } from './setup-watch.js';

/** `SyncMedia` together with the middleware that an application mounts. */
export interface SyncMediaInstance extends SyncMedia {
  /** Creates the router: `app.use('/sync-admin', sync.admin())`. Throws BAD_OPTION. */
  admin(options?: AdminOptions): RequestHandler;
  /**
   * Serves the files below a directory (relative to the root, or absolute):
   * `app.use('/uploads', sync.serve('uploads'))`. A file that is missing here is fetched from a
   * host that holds it. Throws BAD_OPTION, BAD_SYNC_DIR.
   */
  serve(dir: string, options?: ServeOptions): RequestHandler;
  /**
   * Registers the metrics of the site in a registry of prom-client, beside those of the
   * application: `sync.registerMetrics(register)`.
   */
  registerMetrics(registry: MetricsRegistry): void;
  /**
   * Answers a load balancer with 200 or 503: `app.use('/ready', sync.ready({ maxBehind: 60 }))`.
   * Throws BAD_OPTION.
   */
  ready(limits?: ReadyLimits): RequestHandler;
}

/**
 * Makes an independent instance. It does nothing until a plugged model saves, or `open` or
 * `start` is called.
 * @param tuning clocks and limits that tests shorten; not part of the public interface
 * @throws BAD_OPTION, BAD_ENVIRONMENT, BAD_STATE, MODEL_ALREADY_COMPILED
 */
export function createSyncMedia(
  options: SyncMediaOptions = {},
  tuning: Partial<Tuning> = {},
): SyncMediaInstance {
  const config = resolveConfig(options);
  const thisHost = new ThisHost(
    config,
    { ...defaultTuning, ...tuning },
    options.connection,
    () => election.isStarted,
  );
  const election: LeaderElection = new LeaderElection(thisHost);
  const serving = new MediaServer(thisHost, (hostContext) => election.getBackend(hostContext));
  const readiness = new Readiness(thisHost, () => election.isLed());
  const setup = new SetupWatch(thisHost, () => serving.listServedDirs());
  const counters = new CounterWriter(
    {
      events: thisHost.events,
      isRegistered: () => thisHost.state !== undefined,
      open: () => {
        const { lastContext } = thisHost;
        if (!lastContext) return undefined;
        const { counters: store, me, registry } = lastContext;
        return { store, me, now: registry.now() };
      },
    },
    { everyMs: thisHost.tuning.countersMs },
  );
  const files = new FileActions(thisHost);
  const runs = new RunActions(thisHost, election);
  const metrics = new SiteMetrics({
    readOverview: () => sync.overview(),
    openContext: async () => (thisHost.state ? thisHost.openContext() : undefined),
  });
  const audit = new Audit(
    () => thisHost.openConnection(),
    config,
    () => thisHost.state?.id,
  );
  const overview = new OverviewActions(thisHost, (limit) => audit.list(limit));
  const streams = new EventStreams(() => sync.overview());
  const sync: SyncMediaInstance = {
    get initialised() {
      return thisHost.state !== undefined;
    },
    ...createLifeCycle(thisHost, election, runs, setup, counters, [
      streams,
      files,
      serving,
      overview,
    ]),
    ...createCaptureActions(thisHost, options.connection, election, files, setup),
    ...createStatusActions(thisHost),
    ...overview.actions,
    ...runs.actions,
    ...files.actions,
    ...createFileSearchActions(thisHost, serving, election, files.actions.showDocument),
    ...createRecoverableActions(thisHost, runs, (paths) => sync.capture(paths)),
    ...createHistoryActions(
      thisHost,
      (hostContext) => election.getBackend(hostContext),
      runs,
      (paths) => sync.capture(paths),
    ),
    hosts: createHostActions(thisHost),
    removals: createRemovalActions(thisHost),
    audit: { list: (limit = 100) => audit.list(limit) },
    as: (by) => auditChanges(sync, audit, by),
    on: (event, listener) => thisHost.events.on(event, listener),
    isReady: (limits) => readiness.isReady(resolveReadyLimits(limits)),
    ready: (limits) => {
      const checked = resolveReadyLimits(limits);
      return createSyncReady(() => readiness.isReady(checked));
    },
    metrics: () => metrics.write(),
    registerMetrics: (registry) => {
      metrics.register(registry);
    },
    serve: (dir, served) => serving.createHandler(dir, served),
    admin: (given) =>
      createAdmin(sync, { token: config.adminToken, log: config.log, ...given }, streams),
  };
  return sync;
}
