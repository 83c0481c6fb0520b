import type { Request, RequestHandler, Response } from 'express';
import { hasCode } from '../model/errors.js';
import type { Root } from '../replica/replica.js';
import type { SyncDirs } from '../replica/sync-dirs.js';
import type { Path } from '../model/words.js';
import { namesTag } from './conditions.js';
import { makeTag, type ContentTags } from './etag-cache.js';
import type { Fetching, Found } from './missing-file-fetcher.js';
import { findRequestPath, readPathname, type RefusedPath } from './request-path.js';
import { readFrom, sendBody, type ReadPart } from './send-body.js';
import { sendContent, type HttpError } from './send-content.js';
import type { ResolvedServeOptions } from './serve-options.js';

export interface ServeContext {
  readonly root: Root;
  /** The served directory, relative to the root. */
  readonly base: string;
  dirs(): SyncDirs;
  readonly tags: ContentTags;
  /**
   * Fetches missing files. Undefined on a machine without a host id, which serves only its own
   * files.
   */
  fetching(): Promise<Pick<Fetching, 'find'> | undefined>;
}

/** What came of a request. unavailable: a host may have the file, but none could deliver it. */
type Answered = HttpError | RefusedPath | 'answered' | 'unavailable';

/** The errors for refused paths if `fallthrough` is false, as in `express.static`. */
const refusals: Record<RefusedPath, [status: number, message: string]> = {
  malformed: [400, 'Bad Request'],
  outside: [403, 'Forbidden'],
  missing: [404, 'Not Found'],
};

/** How often a file is looked for if it comes and goes meanwhile. */
const tries = 3;

/** Serves the files below a directory. Fetches missing ones from a host that has them. */
export function createServeMedia(
  context: ServeContext,
  options: ResolvedServeOptions,
): RequestHandler {
  async function handle(request: Request, response: Response): Promise<Answered> {
    const asked = findRequestPath(
      readPathname(request.url),
      context.base,
      context.dirs(),
      options.dotfiles,
    );
    if ('refused' in asked) return asked.refused;
    const { path } = asked;
    for (let tried = 0; tried < tries; tried++) {
      const local = await serveLocal(request, response, path);
      if (local) return local;
      const found = options.fetch ? await fetch(path) : undefined;
      if (!found) return 'missing';
      if (found instanceof Error) return found;
      if (found.is === 'unknown') return 'missing';
      if (found.is === 'unavailable') return 'unavailable';
      if (found.is === 'here' || !found.transfer.use()) continue;
      const { transfer } = found;
      try {
        const {
          facts,
          facts: { sha256 },
        } = transfer;
        const served = {
          path,
          absolute: context.root.absolute(path),
          facts,
          tag: sha256 === undefined ? undefined : makeTag(sha256),
        };
        return (
          (await sendContent(
            request,
            response,
            served,
            options,
            sendBody(response, transfer.read),
          )) ?? 'answered'
        );
      } finally {
        await transfer.release();
      }
    }
    return 'unavailable';
  }

  /**
   * Undefined on a machine without a host id. An error if the database fails, since nobody knows
   * then whether the file exists.
   */
  async function fetch(path: Path): Promise<Found | HttpError | undefined> {
    try {
      return await (await context.fetching())?.find(path);
    } catch (error) {
      return Object.assign(makeUnavailable(), { cause: error });
    }
  }

  /** Undefined if there is no file at the path. */
  async function serveLocal(
    request: Request,
    response: Response,
    path: Path,
  ): Promise<Answered | undefined> {
    let file;
    try {
      file = await context.root.openToServe(path);
    } catch (error) {
      // Directories and symlinks are not served. Files of a sync dir without its marker are
      // fetched.
      if (
        hasCode(error, 'NOT_A_FILE') ||
        hasCode(error, 'SYMLINK_IN_PATH') ||
        hasCode(error, 'BAD_PATH')
      )
        return 'missing';
      if (hasCode(error, 'NO_MARKER')) return undefined;
      throw error;
    }
    if (!file) return undefined;
    try {
      const { tag, bytes } = options.etag
        ? await context.tags.find(
            file,
            (known) => isBodyWanted(request, known),
            () => context.root.openToServe(path),
            namesTag(request.headers),
          )
        : {};
      const read: ReadPart = bytes
        ? (position, length) => Promise.resolve(bytes.subarray(position, position + length))
        : readFrom(file.handle);
      return (
        (await sendContent(
          request,
          response,
          { path, absolute: context.root.absolute(path), facts: file.seen, tag },
          options,
          sendBody(response, read),
        )) ?? 'answered'
      );
    } finally {
      await file.handle.close();
    }
  }

  return (request, response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      if (options.fallthrough) {
        next();
        return;
      }
      response.statusCode = 405;
      response.setHeader('Allow', 'GET, HEAD');
      response.setHeader('Content-Length', '0');
      response.end();
      return;
    }
    handle(request, response)
      .then((answered) => {
        if (answered === 'answered') return;
        if (typeof answered === 'object') {
          next(answered);
          return;
        }
        if (answered === 'unavailable') {
          next(makeUnavailable());
          return;
        }
        if (!options.fallthrough) {
          next(makeError(...refusals[answered], { 'Cache-Control': 'no-store' }));
          return;
        }
        forbidCachingOf404(response);
        next();
      })
      .catch(next);
  };
}

/** False if the answer has no content: for HEAD, or if the visitor has the file with this tag. */
function isBodyWanted({ method, headers }: Request, tag: string): boolean {
  return method !== 'HEAD' && headers['if-none-match']?.includes(tag) !== true;
}

/**
 * Keeps caches from storing a 404, which they would serve even after the file has arrived. Other
 * answers of the next handler stay as they are.
 */
function forbidCachingOf404(response: Response): void {
  const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => Response;
  response.writeHead = (...given: unknown[]): Response => {
    if (given[0] === 404 && !response.headersSent) response.setHeader('Cache-Control', 'no-store');
    return writeHead(...given);
  };
}

function makeUnavailable(): HttpError {
  return makeError(503, 'This file is on another host that cannot be reached just now.', {
    'Retry-After': '2',
    'Cache-Control': 'no-store',
  });
}

function makeError(status: number, message: string, headers: Record<string, string>): HttpError {
  return Object.assign(new Error(message), { status, statusCode: status, headers, expose: true });
}
