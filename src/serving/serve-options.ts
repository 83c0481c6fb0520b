import type { Stats } from 'node:fs';
import type { ServerResponse } from 'node:http';
import * as v from 'valibot';
import {
  defineChoice,
  defineFlag,
  type OptionDefinitions,
  type OptionValues,
  parseOptions,
} from '../config/option-definition.js';

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
   * absolute, as in `express.static`. Default: none.
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

const contentType = v.pipe(
  v.string(),
  v.check((type) => type.includes('/')),
  v.toLowerCase(),
);

export const serveOptions = {
  acceptRanges: defineFlag(true, 'Whether range requests are served.'),
  cacheControl: defineFlag(true, 'Whether Cache-Control is set, from `maxAge` and `immutable`.'),
  etag: defineFlag(
    true,
    'Whether an `ETag` is sent: the sha256 of the content, the same on every host. Without it, ' +
      '`If-Modified-Since` applies, in whole seconds.',
  ),
  lastModified: defineFlag(true, 'Whether `Last-Modified` is sent.'),
  maxAge: {
    schema: v.optional(v.union([v.number(), v.string()]), 0),
    description:
      "How long caches may use the file without asking: milliseconds, or text such as '1d'.",
    expected: 'milliseconds, or text such as "1d"',
  },
  immutable: defineFlag(false, 'Whether `Cache-Control` contains `immutable`.'),
  dotfiles: defineChoice(
    ['deny', 'ignore', 'allow'],
    'Names that begin with a dot: `deny` and `ignore` treat them as missing. Nothing in ' +
      '`.syncmedia/` is served either way.',
  ),
  fallthrough: defineFlag(
    true,
    'Whether a request for a missing file goes on to the next handler. If not, it fails with ' +
      '404, with 400 for a malformed path, or with 403 for one that leads out.',
  ),
  setHeaders: {
    schema: v.optional(
      v.custom<NonNullable<ServeOptions['setHeaders']>>((value) => typeof value === 'function'),
    ),
    description:
      'Called before the response is sent, after our own headers; may change them. `path` is ' +
      'absolute, as in `express.static`.',
    expected: 'a function of the response, the path and the stat',
    default: 'none',
  },
  trust: {
    schema: v.pipe(
      v.optional(v.array(contentType), []),
      v.transform((types): ReadonlySet<string> => new Set(types)),
    ),
    description:
      "Content types that are served unchanged although they can run scripts in the app's " +
      "origin, such as `['image/svg+xml']`.",
    expected: 'an array of content types such as "image/svg+xml"',
  },
  fetch: defineFlag(
    true,
    'Whether a file that is missing here is fetched from a host that has it.',
  ),
} satisfies OptionDefinitions<ServeOptions>;

export type ResolvedServeOptions = OptionValues<typeof serveOptions>;

/** @throws BAD_OPTION that names the unknown or malformed option */
export function resolveServeOptions(options: ServeOptions): ResolvedServeOptions {
  return parseOptions(serveOptions, options, 'serveMedia');
}
