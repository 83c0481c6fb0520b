import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { expectGone } from '../harness/leftovers.js';

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The connection broke before the announced end. */
  readonly broken: boolean;
}

export interface Web {
  readonly url: string;
  /** One request on a connection of its own. */
  get(
    path: string,
    options?: {
      method?: string;
      headers?: Record<string, string>;
      onData?: (soFar: number) => void;
    },
  ): Promise<Got>;
  close(): Promise<void>;
}

/** An Express app on a port of its own; its owner closes it. */
export async function startWeb(
  mount: (app: Express) => void,
  make: typeof express = express,
): Promise<Web> {
  const app = make();
  mount(app);
  const answer: ErrorRequestHandler = (
    error: { status?: number; headers?: Record<string, string>; message: string },
    _request,
    response,
    next,
  ) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    response
      .status(error.status ?? 500)
      .set(error.headers ?? {})
      .send(error.message);
  };
  app.use(answer);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gone = expectGone('a web server', close);
  async function close(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
    gone();
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    close,
    get: (path, { method = 'GET', headers = {}, onData } = {}) =>
      new Promise((resolve, reject) => {
        const asked = httpRequest(
          { host: '127.0.0.1', port, path, method, headers, agent: false },
          (response) => {
            const chunks: Buffer[] = [];
            let size = 0;
            const finish = (broken: boolean): void => {
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: Buffer.concat(chunks),
                broken,
              });
            };
            response.on('data', (bytes: Buffer) => {
              chunks.push(bytes);
              onData?.((size += bytes.length));
            });
            response.on('end', () => {
              finish(false);
            });
            response.on('error', () => {
              finish(true);
            });
          },
        );
        asked.on('error', reject);
        asked.end();
      }),
  };
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
