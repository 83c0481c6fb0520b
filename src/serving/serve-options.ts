import type { Stats } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { SyncMediaError } from '../model/errors.js';
import { describeUnknown } from '../config/nearest.js';

/**
 * Size and date of a file, known before it is sent. The file may not have arrived on this disk
 * yet. The date has whole seconds.
 */
export type ServedStat = Pick<Stats, 'size' | 'mtime' | 'mtimeMs'>;

/**
 * The options of `serveMedia(dir, options)`: those that users of `express.static` know, and those
 * for uploads.
 */
export interface ServeOptions {
  /** Whether range requests are served. Default true. */
  acceptRanges?: boolean;
  /** Whether Cache-Control is set, from `maxAge` and `immutable`. Default true. */
  cacheControl?: boolean;
  /**
   * Whether an `ETag` is sent: the sha256 of the content, the same on every host. Without it,
   * `If-Modified-Since` applies, in whole seconds. Default true.
   */
  etag?: boolean;
  /** Whether `Last-Modified` is sent. Default true. */
  lastModified?: boolean;
  /**
   * How long caches may use the file without asking: milliseconds, or text such as '1d'. Default
   * 0.
   */
  maxAge?: number | string;
  /** Whether `Cache-Control` contains `immutable`. Default false. */
  immutable?: boolean;
  /**
   * Names that begin with a dot: `deny` and `ignore` treat them as missing. Nothing in
   * `.syncmedia/` is served either way. Default `deny`.
   */
  dotfiles?: 'deny' | 'ignore' | 'allow';
  /**
   * Whether a request for a missing file goes on to the next handler. If not, it fails with 404,
   * with 400 for a malformed path, or with 403 for one that leads out. Default true.
   */
  fallthrough?: boolean;
  /**
   * Called before the response is sent, after our own headers; may change them. `path` is
   * absolute, as in `express.static`.
   */
  setHeaders?: (response: ServerResponse, path: string, stat: ServedStat) => void;
  /**
   * Content types that are served unchanged although they can run scripts in the app's origin,
   * such as `['image/svg+xml']`. Default none.
   */
  trust?: readonly string[];
  /** Whether a file that is missing here is fetched from a host that has it. Default true. */
  fetch?: boolean;
}

export type ResolvedServeOptions = Required<Omit<ServeOptions, 'setHeaders' | 'trust'>> & {
  readonly setHeaders: ServeOptions['setHeaders'];
  readonly trust: ReadonlySet<string>;
};

const defaultServeOptions = {
  acceptRanges: true,
  cacheControl: true,
  etag: true,
  lastModified: true,
  maxAge: 0,
  immutable: false,
  dotfiles: 'deny',
  fallthrough: true,
  fetch: true,
} as const;
const knownServeOptions = [...Object.keys(defaultServeOptions), 'setHeaders', 'trust'];

/** @throws BAD_OPTION that names the unknown or malformed option */
export function resolveServeOptions(options: ServeOptions): ResolvedServeOptions {
  const unknown = Object.keys(options).filter((name) => !knownServeOptions.includes(name));
  if (unknown.length > 0)
    throw makeOptionError(
      `unknown option ${describeUnknown(unknown, knownServeOptions)}; known are ` +
        `${knownServeOptions.join(', ')}`,
    );
  const { setHeaders, trust = [], ...all } = options;
  const rest = Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as Omit<ServeOptions, 'setHeaders' | 'trust'>;
  for (const [name, value] of Object.entries(rest)) {
    if (
      name === 'maxAge'
        ? typeof value !== 'number' && typeof value !== 'string'
        : name === 'dotfiles'
          ? !['deny', 'ignore', 'allow'].includes(value as string)
          : typeof value !== 'boolean'
    ) {
      throw makeOptionError(`${name} has an invalid value: ${JSON.stringify(value)}`);
    }
  }
  if (setHeaders !== undefined && typeof setHeaders !== 'function')
    throw makeOptionError('setHeaders must be a function');
  if (
    !Array.isArray(trust) ||
    trust.some((type) => typeof type !== 'string' || !type.includes('/'))
  )
    throw makeOptionError('trust must be a list of content types such as "image/svg+xml"');
  return {
    ...defaultServeOptions,
    ...rest,
    setHeaders,
    trust: new Set(trust.map((type) => (type as string).toLowerCase())),
  };
}

function makeOptionError(what: string): SyncMediaError {
  return new SyncMediaError('BAD_OPTION', `serveMedia: ${what}.`);
}
