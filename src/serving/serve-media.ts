import type { Request, RequestHandler, Response } from 'express';
import { hasErrorCode } from '../model/errors.js';
import type { ThisHost } from '../context/this-host.js';
import type { ReadOutcome } from '../model/events.js';
import type { Path } from '../model/path.js';
import { namesTag } from './conditions.js';
import { makeETag, type ETagCache } from './etag-cache.js';
import type { MissingFileFetcher, FetchResult } from './missing-file-fetcher.js';
import { resolveRequestPath, readPathname, type PathRefusal } from './request-path.js';
import { createFileReader, createBodySender, type ReadRange } from './send-body.js';
import { sendContent, type HttpError } from './send-content.js';
import type { ResolvedServeOptions } from './serve-options.js';

/** A directory that an application serves. */
interface ServedDir {
  /** Relative to the root. */
  readonly base: string;
  readonly tags: ETagCache;
  /**
   * Fetches missing files. Undefined on a machine without a host id, which serves only its own
   * files.
   */
  openFetcher(this: void): Promise<Pick<MissingFileFetcher, 'fetchFile'> | undefined>;
}

/** The result of a request. unavailable: a host may have the file, but none could deliver it. */
type ServeResult = HttpError | PathRefusal | 'answered' | 'unavailable';
interface ReadResult {
  readonly result: ServeResult;
  readonly from: 'local' | 'fetched';
}

/** The errors for refused paths if `fallthrough` is false, as in `express.static`. */
const refusalErrors: Record<PathRefusal, [status: number, message: string]> = {
  malformed: [400, 'Bad Request'],
  outside: [403, 'Forbidden'],
  missing: [404, 'Not Found'],
};

/** How often a file is looked for if it comes and goes meanwhile. */
const maxTries = 3;

/** Serves the files below a directory. Fetches missing ones from a host that has them. */
export function createServeMedia(
  thisHost: Pick<ThisHost, 'replica' | 'dirs' | 'events'>,
  { base, tags, openFetcher }: ServedDir,
  options: ResolvedServeOptions,
): RequestHandler {
  async function handle(request: Request, response: Response): Promise<ServeResult> {
    const requested = resolveRequestPath(
      readPathname(request.url),
      base,
      thisHost.dirs.current(),
      options.dotfiles,
    );
    if ('refused' in requested) return requested.refused;
    const { path } = requested;
    let outcome: ReadOutcome = 'failed';
    try {
      const read = await readFile(request, response, path);
      outcome = nameOutcome(read);
      return read.result;
    } finally {
      thisHost.events.emit('read', { path, outcome });
    }
  }

  async function readFile(request: Request, response: Response, path: Path): Promise<ReadResult> {
    for (let attempt = 0; attempt < maxTries; attempt++) {
      const local = await serveLocal(request, response, path);
      if (local) return { result: local, from: 'local' };
      const fetched = options.fetch ? await fetchMissing(path) : undefined;
      if (!fetched) return { result: 'missing', from: 'fetched' };
      if (fetched instanceof Error) return { result: fetched, from: 'fetched' };
      if (fetched.state === 'unknown') return { result: 'missing', from: 'fetched' };
      if (fetched.state === 'unavailable') return { result: 'unavailable', from: 'fetched' };
      if (fetched.state === 'here' || !fetched.transfer.addReader()) continue;
      const { transfer } = fetched;
      try {
        const {
          info,
          info: { sha256 },
        } = transfer;
        const served = {
          path,
          absolute: thisHost.replica.absolute(path),
          info,
          tag: sha256 === undefined ? undefined : makeETag(sha256),
        };
        const error = await sendContent(
          request,
          response,
          served,
          options,
          createBodySender(response, transfer.read),
        );
        return { result: error ?? 'answered', from: 'fetched' };
      } finally {
        await transfer.removeReader();
      }
    }
    return { result: 'unavailable', from: 'fetched' };
  }

  /**
   * Undefined on a machine without a host id. An error if the database fails, since nobody knows
   * then whether the file exists.
   */
  async function fetchMissing(path: Path): Promise<FetchResult | HttpError | undefined> {
    try {
      return await (await openFetcher())?.fetchFile(path);
    } catch (error) {
      return Object.assign(makeUnavailable(), { cause: error });
    }
  }

  /** Undefined if there is no file at the path. */
  async function serveLocal(
    request: Request,
    response: Response,
    path: Path,
  ): Promise<ServeResult | undefined> {
    let file;
    try {
      file = await thisHost.replica.openToServe(path);
    } catch (error) {
      // Directories and symlinks are not served. Files of a sync dir without its marker are
      // fetched.
      if (
        hasErrorCode(error, 'NOT_A_FILE') ||
        hasErrorCode(error, 'SYMLINK_IN_PATH') ||
        hasErrorCode(error, 'BAD_PATH')
      )
        return 'missing';
      if (hasErrorCode(error, 'NO_MARKER')) return undefined;
      throw error;
    }
    if (!file) return undefined;
    try {
      const { tag, bytes } = options.etag
        ? await tags.getOrComputeTag(
            file,
            (known) => needsBody(request, known),
            () => thisHost.replica.openToServe(path),
            namesTag(request.headers),
          )
        : {};
      const readRange: ReadRange = bytes
        ? (position, length) => Promise.resolve(bytes.subarray(position, position + length))
        : createFileReader(file.handle);
      return (
        (await sendContent(
          request,
          response,
          { path, absolute: thisHost.replica.absolute(path), info: file.info, tag },
          options,
          createBodySender(response, readRange),
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
      .then((result) => {
        if (result === 'answered') return;
        if (typeof result === 'object') {
          next(result);
          return;
        }
        if (result === 'unavailable') {
          next(makeUnavailable());
          return;
        }
        if (!options.fallthrough) {
          next(makeHttpError(...refusalErrors[result], { 'Cache-Control': 'no-store' }));
          return;
        }
        forbidCachingOf404(response);
        next();
      })
      .catch(next);
  };
}

function nameOutcome({ result, from }: ReadResult): ReadOutcome {
  if (typeof result === 'object') return result.status < 500 ? from : 'failed';
  if (result === 'answered') return from;
  return result === 'unavailable' ? 'unavailable' : 'missing';
}

/** False if the answer has no content: for HEAD, or if the visitor has the file with this tag. */
function needsBody({ method, headers }: Request, tag: string): boolean {
  return method !== 'HEAD' && headers['if-none-match']?.includes(tag) !== true;
}

/**
 * Keeps caches from storing a 404, which they would serve even after the file has arrived. Other
 * answers of the next handler stay as they are.
 */
function forbidCachingOf404(response: Response): void {
  const writeHead = response.writeHead.bind(response) as (...headArgs: unknown[]) => Response;
  response.writeHead = (...headArgs: unknown[]): Response => {
    if (headArgs[0] === 404 && !response.headersSent)
      response.setHeader('Cache-Control', 'no-store');
    return writeHead(...headArgs);
  };
}

function makeUnavailable(): HttpError {
  return makeHttpError(503, 'This file is on another host that cannot be reached just now.', {
    'Retry-After': '2',
    'Cache-Control': 'no-store',
  });
}

function makeHttpError(
  status: number,
  message: string,
  headers: Record<string, string>,
): HttpError {
  return Object.assign(new Error(message), { status, statusCode: status, headers, expose: true });
}
