import { resolve } from 'node:path';
import type { RequestHandler } from 'express';
import type { Backend } from '../transport/backend.js';
import { SyncMediaError } from '../model/errors.js';
import { describeValue } from '../config/describe-value.js';
import { normaliseSyncDir } from '../config/normalise-sync-dir.js';
import type { HostContext } from '../context/host-context.js';
import type { ThisHost } from '../context/this-host.js';
import { toPathBelow } from '../replica/paths.js';
import { withTimeout } from '../util/with-timeout.js';
import { ETagCache } from './etag-cache.js';
import { MissingFileFetcher } from './missing-file-fetcher.js';
import { resolveServeOptions, type ServeOptions } from './serve-options.js';
import { createServeMedia } from './serve-media.js';

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

  /** @param getBackend throws CLOSED */
  constructor(
    private readonly thisHost: ThisHost,
    private readonly getBackend: (hostContext: HostContext) => Backend,
  ) {}

  /** @throws BAD_OPTION; BAD_SYNC_DIR if `dir` does not lie below the root */
  createHandler(dir: string, options: ServeOptions = {}): RequestHandler {
    if (typeof dir !== 'string' || dir === '') {
      throw new SyncMediaError(
        'BAD_OPTION',
        `serveMedia needs the directory to serve, relative to the root, as in ` +
          `serveMedia('uploads'); it was given ${describeValue(dir)}`,
      );
    }
    const { thisHost } = this;
    const resolved = resolveServeOptions(options);
    const { rootPath } = thisHost.replica;
    const base = dir.startsWith('/')
      ? toPathBelow(rootPath, resolve(dir))
      : normaliseSyncDir(dir, 'serveMedia');
    if (base === undefined) {
      if (thisHost.state)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `serveMedia: ${JSON.stringify(dir)} does not lie below the root ${rootPath}`,
        );
      thisHost.config.log.warn(
        `serveMedia: ${dir} does not lie below ${rootPath}, so nothing is served from it on ` +
          `this machine. Run \`syncmedia init\`, or set SYNCMEDIA_ROOT to a directory above it`,
      );
      return (_request, _response, next) => {
        next();
      };
    }
    this.servedDirs.add(base);
    return createServeMedia(
      thisHost,
      { base, tags: this.tags, openFetcher: () => this.openFetcher() },
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
    if (!this.thisHost.state) return undefined;
    if (this.closed) return { fetchFile: () => Promise.resolve({ state: 'unavailable' }) };
    this.fetcher ??= this.createFetcher().catch((error: unknown) => {
      this.fetcher = undefined;
      throw error;
    });
    return withTimeout(this.fetcher, openTimeoutMs, 'the database');
  }

  private async createFetcher(): Promise<MissingFileFetcher> {
    const hostContext = await this.thisHost.openContext();
    return new MissingFileFetcher({ ...hostContext, backend: this.getBackend(hostContext) });
  }
}
