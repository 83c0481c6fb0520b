import { resolve } from 'node:path';
import type { RequestHandler } from 'express';
import type { Backend } from '../transport/backend.js';
import { makeLook } from '../capture/make-captures.js';
import { fileModeOf } from '../transport/rsync/small-files/put.js';
import { createJudging } from '../replication/resolve-replaced.js';
import type { State } from '../state-dir/state.js';
import { SyncMediaError } from '../model/errors.js';
import { Settler } from '../ledger/acknowledge.js';
import { describeValue } from '../config/describe-value.js';
import { lookUp } from '../context/look-up.js';
import { normaliseSyncDir } from '../config/sync-dir.js';
import type { Parts } from '../context/host-context.js';
import { asPathBelow } from '../replica/paths.js';
import { Root } from '../replica/replica.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import { TmpFolders } from '../replica/tmp-folders.js';
import { bounded } from '../util/with-timeout.js';
import { ContentTags } from './etag-cache.js';
import { Fetching } from './missing-file-fetcher.js';
import { resolveServeOptions, type ServeOptions } from './serve-options.js';
import { createServeMedia } from './serve-media.js';

export interface ServingContext {
  /** Undefined on a machine without a host id, which serves only its own files. */
  state(): State | undefined;
  /** The root of such a machine, if its environment sets one. */
  readonly configuredRoot: string | undefined;
  dirs(): SyncDirs;
  warn(message: string): void;
  /** @throws the error with which opening failed */
  parts(): Promise<Parts>;
  backend(parts: Parts, state: State): Backend;
  /** The value of rsync's `--chmod`. */
  readonly chmod: string;
}

const defaultMode = 0o644;
/**
 * The oldest host list that a fetch may use, and the oldest one if it lacks a host of the file.
 * In milliseconds.
 */
const hostsAge = 5_000,
  urgentHostsAge = 500;
/** How long a visitor's request waits for a database that is not open yet. In milliseconds. */
const openMs = 5_000;

/**
 * Serves the files of an instance, in any process of its host. All mounts share one
 * `Fetching` and one cache of tags.
 */
export class Serving {
  private fetching: Promise<Fetching> | undefined;
  private closed = false;
  private readonly tags = new ContentTags();
  private readonly served = new Set<string>();

  constructor(private readonly context: ServingContext) {}

  /** @throws BAD_OPTION; BAD_SYNC_DIR if `dir` does not lie below the root */
  serve(dir: string, options: ServeOptions = {}): RequestHandler {
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
      ? asPathBelow(rootPath, resolve(dir))
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
    this.served.add(base);
    const dirs = (): SyncDirs => context.dirs();
    return createServeMedia(
      {
        root: new Root(rootPath, dirs, { me: () => context.state()?.id }),
        base,
        dirs,
        tags: this.tags,
        fetching: () => this.open(),
      },
      resolved,
    );
  }

  /** The directories that this process serves, relative to the root. */
  listServed(): string[] {
    return [...this.served];
  }

  async close(): Promise<void> {
    this.closed = true;
    const fetching = await this.fetching?.catch(() => undefined);
    await Promise.all([fetching?.close(), this.tags.close()]);
  }

  /**
   * Undefined on a machine without a host id. After `close`, visitors may still come, and a
   * missing file is unavailable instead of unknown.
   */
  private async open(): Promise<Pick<Fetching, 'find'> | undefined> {
    const state = this.context.state();
    if (!state) return undefined;
    if (this.closed) return { find: () => Promise.resolve({ is: 'unavailable' }) };
    this.fetching ??= this.make(state).catch((error: unknown) => {
      this.fetching = undefined;
      throw error;
    });
    return bounded(this.fetching, openMs, 'the database');
  }

  private async make(state: State): Promise<Fetching> {
    const parts = await this.context.parts();
    const { ledger, events, registry, root, dirs, me } = parts;
    // The known host list may be outdated. A host that has become ready since is a source, too.
    let readAt = -Infinity,
      reading: Promise<void> | undefined;
    return new Fetching({
      events,
      root,
      me,
      settler: new Settler(ledger, events),
      judgeAt: createJudging(ledger, registry, events),
      backend: this.context.backend(parts, state),
      fileMode: fileModeOf(this.context.chmod) ?? defaultMode,
      tmpFolders: new TmpFolders(),
      askToLook: (path) => parts.outbox.insert(makeLook(me, path)),
      dirs: () => dirs.current(),
      hosts: () => registry.all(),
      lookUp: (paths) => lookUp(parts, paths),
      refresh: async (isUrgent = false) => {
        if (performance.now() - readAt < (isUrgent ? urgentHostsAge : hostsAge)) return;
        reading ??= parts
          .refresh()
          .then(() => {
            readAt = performance.now();
          })
          .finally(() => {
            reading = undefined;
          });
        await reading;
      },
      landed: () => registry.raiseLanded(new Map([[me, 1]])),
    });
  }
}
