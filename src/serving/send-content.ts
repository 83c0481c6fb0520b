import type { Stats } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import send from 'send';
import type { FileInfo } from '../model/file.js';
import type { Path } from '../model/path.js';
import { keepExactConditions } from './conditions.js';
import { protectOrigin } from './content-headers.js';
import type { ResolvedServeOptions } from './serve-options.js';

/** Sends `length` bytes from `start` on, then ends or destroys the response. Must not reject. */
export type SendRange = (start: number, length: number) => Promise<void>;

/** The properties that `send` uses and that only its `pipe` would set. */
type SendStreamInternals = Omit<send.SendStream, 'stream'> & {
  req: Pick<IncomingMessage, 'method' | 'headers'>;
  res: ServerResponse;
  stream: (path: string, part: { start: number; end: number }) => void;
};

/**
 * A file to be served. `absolute` is its path on this disk, where it may not have arrived yet.
 * `tag` is its ETag, if it is known.
 */
interface ServedFile {
  readonly path: Path;
  readonly absolute: string;
  readonly info: FileInfo;
  readonly tag: string | undefined;
}

/** An error with the properties that Express and its error handlers read. */
export interface HttpError extends Error {
  status: number;
  statusCode: number;
  headers?: Record<string, string>;
}

/**
 * Answers with one file. `send` handles the type, conditional requests, ranges and HEAD;
 * `sendRange` sends the bytes.
 *
 * The date has whole seconds, like all dates that transfers carry, so `Last-Modified` is the same
 * on every host.
 *
 * @returns once the response has ended or was destroyed; an error with its status if `send`
 *   refuses the request (412, 416)
 */
export function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  { path, absolute, info: { size, mtime }, tag }: ServedFile,
  options: ResolvedServeOptions,
  sendRange: SendRange,
): Promise<HttpError | undefined> {
  return new Promise((resolve) => {
    const { acceptRanges, cacheControl, etag, lastModified, maxAge, immutable, trust, setHeaders } =
      options;
    // `send` would derive the ETag from size and date.
    const stream = send(request, path, {
      acceptRanges,
      cacheControl,
      etag: false,
      lastModified,
      maxAge,
      immutable,
    }) as unknown as SendStreamInternals;
    stream.res = response;
    // `send` calls this only if there is a body to send. It ends other responses itself.
    let sendsBody = false;
    stream.stream = (_path, { start }) => {
      sendsBody = true;
      void sendRange(start, Number(response.getHeader('Content-Length'))).then(() => {
        resolve(undefined);
      });
    };
    stream.on('error', (error: HttpError) => {
      sendsBody = true;
      resolve(error);
    });
    stream.type(path);
    protectOrigin(response, trust);
    const date = new Date(mtime * 1000);
    setHeaders?.(response, absolute, { size, mtime: date, mtimeMs: date.getTime() });
    if (etag) {
      if (tag !== undefined && !response.hasHeader('ETag')) response.setHeader('ETag', tag);
      stream.req = {
        method: request.method,
        headers: keepExactConditions(request.headers, response.getHeader('ETag')?.toString()),
      };
    }
    stream.send(path, { size, mtime: date, ctime: date, ino: 0 } as Stats);
    if (!sendsBody) resolve(undefined);
  });
}
