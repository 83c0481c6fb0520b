import { resolve } from 'node:path';
import type { RequestHandler } from 'express';
import type { Backend } from '../transport/backend.js';
import { makeRecheckCapture } from '../capture/make-captures.js';
import { parseFileMode } from '../transport/rsync/small-files/put.js';
import { createReplacedFileResolver } from '../replication/resolve-replaced.js';
import type { HostState } from '../state-dir/state.js';
import { SyncMediaError } from '../model/errors.js';
import { Acknowledger } from '../ledger/acknowledge.js';
import { describeValue } from '../config/describe-value.js';
import { lookUpPaths } from '../context/look-up.js';
import { normaliseSyncDir } from '../config/normalise-sync-dir.js';
import type { HostContext } from '../context/host-context.js';
import { toPathBelow } from '../replica/paths.js';
import { Replica } from '../replica/replica.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import { TmpFolders } from '../replica/tmp-folders.js';
import { withTimeout } from '../util/with-timeout.js';
import { ETagCache } from './etag-cache.js';
import { MissingFileFetcher } from './missing-file-fetcher.js';
import { resolveServeOptions, type ServeOptions } from './serve-options.js';
import { createServeMedia } from './serve-media.js';

export interface ServingContext {
  /** Undefined on a machine without a host id, which serves only its own files. */
  state(): HostState | undefined;
  /** The root of such a machine, if its environment sets one. */
  readonly configuredRoot: string | undefined;
  dirs(): SyncDirs;
  warn(message: string): void;
  /** @throws the error with which opening failed */
  openContext(): Promise<HostContext>;
  backend(hostContext: HostContext, state: HostState): Backend;
  /** The value of rsync's `--chmod`. */
  readonly chmod: string;
}

const defaultFileMode = 0o644;
/**
 * The oldest host list that a fetch may use, and the oldest one if it lacks a host of the file.
 * In milliseconds.
 */
const maxHostsAgeMs = 5_000,
  urgentHostsAgeMs = 500;
/** How long a visitor's request waits for a database that is not open yet. In milliseconds. */
const openTimeoutMs = 5_000;

/**
 * Serves the files of an instance, in any process of its host. All mounts share one
 * `MissingFileFetcher` and one cache of tags.
 */
export class MediaServer {
  private fetcher: Promise<MissingFileFetcher> | undefined;
  private closed = false;
  private readonly tags = new ETagCache();
  private readonly servedDirs = new Set<string>();

  constructor(private readonly context: ServingContext) {}

  /** @throws BAD_OPTION; BAD_SYNC_DIR if `dir` does not lie below the root */
  createHandler(dir: string, options: ServeOptions = {}): RequestHandler {
    if (typeof dir !== 'string' || dir === '') {
      throw new SyncMediaError(
        'BAD_OPTION',
        `serveMedia needs the directory to serve, relative to the root, as in ` +
          `serveMedia('uploads'); it was given ${describeValue(dir)}`,
      );
    }
    const { context } = this;
    const resolved = resolveServeOptions(options);
    const state = context.state(),
      rootPath = state?.root ?? context.configuredRoot ?? process.cwd();
    const base = dir.startsWith('/')
      ? toPathBelow(rootPath, resolve(dir))
      : normaliseSyncDir(dir, 'serveMedia');
    if (base === undefined) {
      if (state)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `serveMedia: ${JSON.stringify(dir)} does not lie below the root ${rootPath}`,
        );
      context.warn(
        `serveMedia: ${dir} does not lie below ${rootPath}, so nothing is served from it on ` +
          `this machine. Run \`syncmedia init\`, or set SYNCMEDIA_ROOT to a directory above it`,
      );
      return (_request, _response, next) => {
        next();
      };
    }
    this.servedDirs.add(base);
    const dirs = (): SyncDirs => context.dirs();
    return createServeMedia(
      {
        root: new Replica(rootPath, dirs, { me: () => context.state()?.id }),
        base,
        dirs,
        tags: this.tags,
        fetcher: () => this.openFetcher(),
      },
      resolved,
    );
  }

  /** The directories that this process serves, relative to the root. */
  listServedDirs(): string[] {
    return [...this.servedDirs];
  }

  async close(): Promise<void> {
    this.closed = true;
    const fetcher = await this.fetcher?.catch(() => undefined);
    await Promise.all([fetcher?.close(), this.tags.close()]);
  }

  /**
   * Undefined on a machine without a host id. After `close`, visitors may still come, and a
   * missing file is unavailable instead of unknown.
   */
  private async openFetcher(): Promise<Pick<MissingFileFetcher, 'fetchFile'> | undefined> {
    const state = this.context.state();
    if (!state) return undefined;
    if (this.closed) return { fetchFile: () => Promise.resolve({ state: 'unavailable' }) };
    this.fetcher ??= this.createFetcher(state).catch((error: unknown) => {
      this.fetcher = undefined;
      throw error;
    });
    return withTimeout(this.fetcher, openTimeoutMs, 'the database');
  }

  private async createFetcher(state: HostState): Promise<MissingFileFetcher> {
    const hostContext = await this.context.openContext();
    const { ledger, events, registry, replica: root, dirs, me } = hostContext;
    // The known host list may be outdated. A host that has become ready since is a source, too.
    let refreshedAt = -Infinity,
      refreshing: Promise<void> | undefined;
    return new MissingFileFetcher({
      events,
      root,
      me,
      acknowledger: new Acknowledger(ledger, events),
      resolveReplacedAt: createReplacedFileResolver(ledger, registry, events),
      backend: this.context.backend(hostContext, state),
      fileMode: parseFileMode(this.context.chmod) ?? defaultFileMode,
      tmpFolders: new TmpFolders(),
      requestCheck: (path) => hostContext.outbox.insert(makeRecheckCapture(me, path)),
      dirs: () => dirs.current(),
      hosts: () => registry.all(),
      lookUpPaths: (paths) => lookUpPaths(hostContext, paths),
      refresh: async (isUrgent = false) => {
        if (performance.now() - refreshedAt < (isUrgent ? urgentHostsAgeMs : maxHostsAgeMs)) return;
        refreshing ??= hostContext
          .refresh()
          .then(() => {
            refreshedAt = performance.now();
          })
          .finally(() => {
            refreshing = undefined;
          });
        await refreshing;
      },
      notifyReceived: () => registry.raiseReceived(new Map([[me, 1]])),
    });
  }
}
