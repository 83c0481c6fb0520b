import type { RequestHandler } from 'express';
import type { Schema } from 'mongoose';
import type { AdminOptions } from './admin/admin-options.js';
import { createSyncMedia as create, type SyncMediaInstance } from './instance/create.js';
import type { MetricsRegistry } from './api/metrics.js';
import type { ReadyLimits } from './config/ready-limits.js';
import type { PluginOptions, SyncMediaOptions } from './config/config.js';
import { resolveStartOptions, type StartOptions } from './config/start-options.js';
import { RedirectableLog } from './model/log.js';
import type { ServeOptions } from './serving/serve-options.js';

let defaultInstance: SyncMediaInstance | undefined;
/** A schema is plugged before the app says where to log. */
const defaultLog = new RedirectableLog();

/**
 * Creates the instance at first use, from the environment alone. Importing the package does
 * nothing.
 */
function getDefaultInstance(): SyncMediaInstance {
  defaultInstance ??= create({ log: defaultLog });
  return defaultInstance;
}

/**
 * The Mongoose plugin of the default instance:
 * `schema.plugin(syncMedia, { syncDirs: ['uploads/photos/'] })`.
 * @throws BAD_OPTION, BAD_SYNC_DIR naming the fault
 */
export function syncMedia(schema: Schema, options: PluginOptions): void {
  getDefaultInstance().plugin(schema, options);
}

/**
 * The admin router of the default instance: `app.use('/sync-admin', syncAdmin())`. It refuses
 * everyone until it is configured to let somebody in.
 * @throws BAD_OPTION
 */
export function syncAdmin(options?: AdminOptions): RequestHandler {
  return getDefaultInstance().admin(options);
}

/**
 * Serves uploads by the default instance: `app.use('/uploads', serveMedia('uploads'))`. A file
 * that is missing on this host is fetched from a host that holds it, and stored.
 * @throws BAD_OPTION, BAD_SYNC_DIR
 */
export function serveMedia(dir: string, options?: ServeOptions): RequestHandler {
  return getDefaultInstance().serve(dir, options);
}

/**
 * Tells a load balancer whether this host has caught up and its backlog is within the limits:
 * `app.use('/ready', syncReady({ maxBehind: 60 }))`.
 * @throws BAD_OPTION
 */
export function syncReady(limits?: ReadyLimits): RequestHandler {
  return getDefaultInstance().ready(limits);
}

/**
 * Registers the metrics of the site in a registry of prom-client, beside those of the application:
 * `syncMetrics(register)`. They are read when the registry is asked. Repeated, it changes nothing.
 */
export function syncMetrics(registry: MetricsRegistry): void {
  getDefaultInstance().registerMetrics(registry);
}

/**
 * Starts the deliveries of the default instance, and the periodic pulls set in the environment.
 * Call it once the models are defined. Its log can be given here: `startSyncMedia({ log })`. The
 * environment sets everything else; `createSyncMedia` takes all options.
 * @throws BAD_OPTION for another option, or a log that lacks a method; and as `start` of the
 *   instance
 */
export async function startSyncMedia(options: StartOptions = {}): Promise<SyncMediaInstance> {
  const { log } = resolveStartOptions(options);
  if (log) defaultLog.redirect(log);
  const instance = getDefaultInstance();
  await instance.start();
  return instance;
}

/**
 * Makes an independent instance: `plugin`, `admin`, `serve`, `ready`, `start`, `push`, `pull`,
 * `verify`, `adopt`, `hosts`, `runs`, `status`, `statusOf`, `waitFor`, `capture`, `on`, `close`.
 * @throws BAD_OPTION, BAD_ENVIRONMENT, BAD_STATE, MODEL_ALREADY_COMPILED
 */
export function createSyncMedia(options?: SyncMediaOptions): SyncMediaInstance {
  return create(options);
}

export { SyncMediaError, type ErrorCode } from './model/errors.js';
export type { AdminOptions } from './admin/admin-options.js';
export type { SyncMediaInstance } from './instance/create.js';
export type { Events } from './model/events.js';
export type {
  CappedCount,
  HostOverview,
  HostStateName,
  Need,
  Overview,
  RecentEvent,
  RunSummary,
} from './api/overview.js';
export type {
  AuditEntry,
  ConflictComparison,
  CopiesResult,
  DoctorCheck,
  DocumentStatus,
  FilePage,
  FileStatus,
  HostChangePreview,
  HostKeys,
  HostStatus,
  InitReport,
  ModelDescription,
  PictureContent,
  RecoverableContent,
  RecoverableFile,
  PurgeReport,
  Status,
  WaitingRemovals,
} from './api/reports.js';
export type {
  FileQuery,
  HostChange,
  HostEdit,
  HostRegistration,
  NamedFiles,
  PassiveHostRegistration,
  RecoverableDecision,
  RecoverableQuery,
  RetryRequest,
  RunQuery,
  RunRequest,
  ShownHost,
  VerifyRequest,
} from './api/requests.js';
export type { HostDescription, HostDetails } from './api/describe-host.js';
export type { LiveEvents, OverviewChange } from './api/live-events.js';
export type { SessionState } from './api/session.js';
export type {
  HistoryActions,
  HistoryRestore,
  HistoryRestoreOptions,
  HistoryVersion,
} from './api/history.js';
export type { RemoteCopy } from './model/history.js';
export type { MetricsAnswer, MetricsRegistry } from './api/metrics.js';
export type { SyncMedia } from './api/sync-media.js';
export type { Log } from './model/log.js';
export type { StartOptions } from './config/start-options.js';
export type { HistoryOptions, PluginOptions, SyncMediaOptions } from './config/config.js';
export type { ReadyLimits } from './config/ready-limits.js';
export type { WaitOptions } from './config/wait-options.js';
export type { Copies } from './decisions/copies.js';
export type { ServeOptions } from './serving/serve-options.js';
export type { Change, DeliveryOutcome } from './model/change.js';
export type { ConflictRule, SyncDir } from './model/sync-dir.js';
export type { FileInfo } from './model/file.js';
export type { Failure } from './model/failure.js';
export type { Finding, HostFindings, Run, TransferReason } from './model/run.js';
export type { Host, HostId } from './model/host.js';
export type { Path } from './model/path.js';
export type { Version } from './model/entry.js';
