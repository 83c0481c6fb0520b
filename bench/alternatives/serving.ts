import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import autocannon from 'autocannon';
import express from 'express';
import { createConnection } from 'mongoose';
import { dir } from '../../test/flow/site.js';
import { startWeb } from '../../test/serving/web.js';
import { median } from '../figures.js';
import type { BenchSite } from '../site.js';
import { gridfs, openBucket } from './gridfs.js';

const size = 50_000;
const rounds = 7;
const requests = 1_000;
const atOnce = 20;
const name = 'served.jpg';

/** Requests a second, of one file of 50 KB. */
export interface Served {
  readonly serveMedia: number;
  readonly static: number;
  readonly gridfs: number;
}

/** All three are served by this process, in turns; the database is that of the site. */
export async function measureServing(site: BenchSite): Promise<Served> {
  const { sender, app, uri } = site;
  const content = randomBytes(size);
  await sender.write(`${dir}/${name}`, content);
  const stored = await gridfs.open(site, () => undefined);
  const connection = await createConnection(uri).asPromise();
  const bucket = openBucket(connection);
  const web = await startWeb((server) => {
    server.use('/serveMedia', app.sync.serve(dir));
    server.use('/static', express.static(sender.path(dir)));
    server.get('/gridfs/:name', async (request, response) => {
      const { name: wanted } = request.params;
      const [file] = await bucket.find({ filename: wanted }).limit(1).toArray();
      if (!file) {
        response.sendStatus(404);
        return;
      }
      response.type('jpg').set('Content-Length', String(file.length));
      await pipeline(bucket.openDownloadStream(file._id), response);
    });
  });
  const found = { serveMedia: [] as number[], static: [] as number[], gridfs: [] as number[] };
  try {
    await stored.store(name, content);
    for (const kind of ['serveMedia', 'static', 'gridfs'] as const) {
      const { body } = await web.get(`/${kind}/${name}`);
      if (!body.equals(content)) throw new Error(`${kind} serves other bytes`);
    }
    for (let round = -1; round < rounds; round++)
      for (const kind of ['serveMedia', 'static', 'gridfs'] as const) {
        const rate = await measureRate(`${web.url}/${kind}/${name}`);
        if (round >= 0) found[kind].push(rate);
      }
  } finally {
    await web.close();
    await stored.close();
    await connection.close();
  }
  return {
    serveMedia: median(found.serveMedia),
    static: median(found.static),
    gridfs: median(found.gridfs),
  };
}

async function measureRate(url: string): Promise<number> {
  const began = performance.now();
  const {
    non2xx,
    errors,
    requests: sent,
  } = await autocannon({
    url,
    workers: 1,
    connections: atOnce,
    amount: requests,
  });
  if (non2xx + errors > 0) throw new Error(`${url}: ${String(non2xx + errors)} requests failed`);
  return sent.total / ((performance.now() - began) / 1000);
}
