import { createHash } from 'node:crypto';
import { chmod, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type express from 'express';
// @ts-expect-error The alias has no types of its own; those of Express 5 fit what is used.
import express4 from 'express4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSyncMedia } from '../../src/instance/create.js';
import { resolveServeOptions } from '../../src/serving/serve-options.js';
import { makeServed, type Served } from './served.js';
import { startWeb, type Web } from './web.js';

let served: Served, web: Web;
beforeAll(async () => {
  served = await makeServed();
  await served.write('uploads/a.txt', 'hello');
  await served.write('uploads/large.txt', 'x'.repeat(300_000));
  await served.write('uploads/.dot', 'dot');
  await served.write('uploads/.syncmedia/id', 'secret');
  await served.write('uploads/sub/b.txt', 'sub');
  await served.write('uploads/up.tmp', 'unfinished');
  await served.write('other/c.txt', 'other');
  await symlink(join(served.root, 'uploads/a.txt'), join(served.root, 'uploads/link.txt'));
  web = await startWeb((app) => {
    app.use('/uploads', served.serve({ maxAge: '1h' }));
    app.use('/strict', served.serve({ fallthrough: false }));
    app.use('/dots', served.serve({ dotfiles: 'allow' }));
    app.use('/sub', served.serve({}, 'uploads/sub'));
    app.use(
      '/bare',
      served.serve({
        etag: false,
        lastModified: false,
        cacheControl: false,
        acceptRanges: false,
        setHeaders: (response) => {
          response.setHeader('X-Own', '1');
        },
      }),
    );
    app.use((_request, response) => {
      response.status(404).send("the app's own");
    });
  });
});
afterAll(async () => {
  await web.close();
  await served.remove();
});

describe('a file on this disk', () => {
  test('is served with date, tag, length and cache headers', async () => {
    const { status, headers, body } = await web.get('/uploads/a.txt');
    expect([status, body.toString()]).toEqual([200, 'hello']);
    expect(headers).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': '5',
      'cache-control': 'public, max-age=3600',
    });
    expect(headers.etag).toBe(`"${createHash('sha256').update('hello').digest('base64url')}"`);
    expect(new Date(headers['last-modified'] ?? '').getTime() % 1000).toBe(0);
  });
  test('is not sent again to who has it', async () => {
    const { headers } = await web.get('/uploads/a.txt');
    expect(
      (await web.get('/uploads/a.txt', { headers: { 'If-None-Match': headers.etag ?? '' } }))
        .status,
    ).toBe(304);
    expect(
      (
        await web.get('/uploads/a.txt', {
          headers: { 'If-Unmodified-Since': new Date(0).toUTCString() },
        })
      ).status,
    ).toBe(412);
  });
  test.each([
    ['a.txt', 'bytes=1-3', 'ell', 5],
    ['a.txt', 'bytes=-2', 'lo', 5],
    ['large.txt', 'bytes=100000-299999', 'x'.repeat(200_000), 300_000],
  ])('%s is served in parts (%s)', async (name, range, content, size) => {
    const { status, headers, body } = await web.get(`/uploads/${name}`, {
      headers: { Range: range },
    });
    expect([status, body.toString() === content]).toEqual([206, true]);
    expect(headers['content-range']).toMatch(new RegExp(`/${size}$`));
  });
  test('is answered to HEAD without its content', async () => {
    const { status, headers, body } = await web.get('/uploads/large.txt', { method: 'HEAD' });
    expect([status, headers['content-length'], body.length]).toEqual([200, '300000', 0]);
  });
  test('is served as the options say', async () => {
    const { headers } = await web.get('/bare/a.txt');
    expect(headers).toMatchObject({ 'x-own': '1' });
    for (const name of ['etag', 'last-modified', 'cache-control', 'accept-ranges'])
      expect(headers).not.toHaveProperty(name);
    expect((await web.get('/sub/b.txt')).body.toString()).toBe('sub');
    expect((await web.get('/dots/.dot')).body.toString()).toBe('dot');
  });
});

describe('as express.static does it', () => {
  test.each(['//a.txt', '/./a.txt', '/x/../a.txt', '/%2Fa.txt', '/%2e/a.txt', '/sub/..%2fa.txt'])(
    '%s is the file itself',
    async (path) => {
      const { status, body } = await web.get(`/uploads${path}`);
      expect([status, body.toString()]).toEqual([200, 'hello']);
    },
  );

  test('the response of the next handler keeps its own headers, and only a 404 is not cached', async () => {
    const other = await startWeb((app) => {
      app.use('/uploads', served.serve());
      app.get('/uploads/page', (_request, response) => {
        response.set('Cache-Control', 'public, max-age=31536000').send('a page');
      });
      app.get('/uploads/gone', (_request, response) => {
        response.set('Cache-Control', 'public, max-age=60').status(404).send('gone');
      });
    });
    expect((await other.get('/uploads/page')).headers['cache-control']).toBe(
      'public, max-age=31536000',
    );
    expect((await other.get('/uploads/gone')).headers['cache-control']).toBe('no-store');
    await other.close();
  });

  test('setHeaders gets the absolute path and the info of the file; if it throws, the request fails with that error', async () => {
    const given: unknown[] = [];
    const other = await startWeb((app) => {
      app.use(
        '/uploads',
        served.serve({
          setHeaders: (_response, path, stat) => {
            given.push(path, stat.size, stat.mtime instanceof Date);
          },
        }),
      );
      app.use(
        '/throws',
        served.serve({
          setHeaders: () => {
            throw new Error('the own fault of the application');
          },
        }),
      );
    });
    await other.get('/uploads/a.txt');
    expect(given).toEqual([join(served.root, 'uploads/a.txt'), 5, true]);
    const { status, headers, body } = await other.get('/throws/a.txt');
    expect([status, headers['retry-after'], body.toString()]).toEqual([
      500,
      undefined,
      'the own fault of the application',
    ]);
    await other.close();
  });

  test.skipIf(process.getuid?.() === 0)(
    'a file that may not be read is no 503 (root reads everything, so this is skipped for root)',
    async () => {
      await served.write('uploads/closed.txt', 'closed');
      await chmod(join(served.root, 'uploads/closed.txt'), 0);
      expect((await web.get('/uploads/closed.txt')).status).toBe(500);
    },
  );

  test('options that are undefined count as left out', async () => {
    const other = await startWeb((app) => {
      app.use('/uploads', served.serve({ maxAge: undefined, dotfiles: 'ignore' } as never));
    });
    expect((await other.get('/uploads/a.txt')).status).toBe(200);
    expect((await other.get('/uploads/.dot')).status).toBe(404);
    await other.close();
  });

  test('it serves without Express', async () => {
    const handler = served.serve();
    const server = createServer((request, response) => {
      handler(request as never, response as never, () => {
        response.writeHead(404).end();
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${String(port)}/a.txt?query`);
    expect([answer.status, await answer.text()]).toEqual([200, 'hello']);
    const missing = await fetch(`http://127.0.0.1:${String(port)}/nothing.txt`);
    expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, 'no-store']);
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
});

test('an absolute directory that a machine without a host id cannot serve is reported', async () => {
  const warned: string[] = [];
  const sync = createSyncMedia({
    environment: {},
    stateDir: '/nonexistent',
    log: {
      info: () => undefined,
      error: () => undefined,
      warn: (message) => {
        warned.push(message);
      },
    },
  });
  sync.serve('/nonexistent/uploads');
  expect(warned).toEqual([expect.stringContaining('/nonexistent/uploads does not lie below')]);
  await sync.close();
});

describe('a file that may not be served', () => {
  test.each([
    'nothing.txt',
    'sub',
    'sub/',
    '',
    'link.txt',
    'up.tmp',
    '.dot',
    '.syncmedia/id',
    '..%2fother/c.txt',
    'a.txt/',
    'a.txt/b',
    '%00',
    '%e0%a4%a',
    `${'n'.repeat(300)}.txt`,
  ])('%j goes on to the next handler, and is not cached', async (name) => {
    const { status, headers, body } = await web.get(`/uploads/${name}`);
    expect([status, headers['cache-control'], body.toString()]).toEqual([
      404,
      'no-store',
      "the app's own",
    ]);
  });
  test('is an error with its status where nothing falls through', async () => {
    const { status, headers, body } = await web.get('/strict/nothing.txt');
    expect([status, headers['cache-control'], body.toString()]).toEqual([
      404,
      'no-store',
      'Not Found',
    ]);
    expect((await web.get('/strict/a.txt', { method: 'DELETE' })).status).toBe(405);
  });
  test.each([
    ['%e0%a4%a', 400],
    ['a%00.txt', 400],
    ['..%2fother/c.txt', 403],
    ['sub/%2e%2e/%2e%2e/other/c.txt', 403],
    ['.dot', 404],
    ['sub', 404],
    ['sub/', 404],
    ['.syncmedia/id', 404],
    ['up.tmp', 404],
    ['link.txt', 404],
    [`${'n'.repeat(300)}.txt`, 404],
  ])('%j is an error %i there, as for express.static', async (name, status) => {
    const got = await web.get(`/strict/${name}`);
    expect([got.status, got.headers['cache-control']]).toEqual([status, 'no-store']);
  });
  test('in our own folder is not served even where dotfiles are', async () => {
    expect((await web.get('/dots/.syncmedia/id')).status).toBe(404);
  });
  test.each(['.SyncMedia', '.\u017fyncmedia'])(
    'in %s, which some disks take for it, is not served either',
    async (folder) => {
      await served.write(`uploads/${folder}/trash/old.txt`, 'secret');
      const { status } = await web.get(`/dots/${encodeURIComponent(folder)}/trash/old.txt`);
      expect(status).toBe(404);
    },
  );
  test('as a method goes on to the next handler', async () => {
    expect((await web.get('/uploads/a.txt', { method: 'POST' })).body.toString()).toBe(
      "the app's own",
    );
  });
});

test('Express 4 serves the same', async () => {
  const old = await startWeb(
    (app) => {
      app.use('/uploads', served.serve());
    },
    express4 as typeof express,
  );
  const { status, body } = await old.get('/uploads/a.txt');
  expect([status, body.toString()]).toEqual([200, 'hello']);
  expect((await old.get('/uploads/%2e%2e/other/c.txt')).status).toBe(404);
  await old.close();
});

describe('options', () => {
  test.each([
    [{ root: '/' }, 'root'],
    [{ maxAge: true }, 'maxAge'],
    [{ dotfiles: 'hide' }, 'dotfiles'],
    [{ index: 'index.html' }, 'index'],
    [{ etag: 'yes' }, 'etag'],
    [{ trust: 'image/svg+xml' }, 'trust'],
    [{ setHeaders: 1 }, 'setHeaders'],
  ])('%j is refused by name', (options, name) => {
    expect(() => resolveServeOptions(options as never)).toThrow(
      expect.objectContaining({
        code: 'BAD_OPTION',
        message: expect.stringContaining(name) as string,
      }),
    );
  });
});

test.each([
  [undefined, 'undefined'],
  ['', '""'],
  [42, '42'],
])('serveMedia(%j) names the given value', async (dir, shown) => {
  const sync = createSyncMedia({ environment: {}, stateDir: '/nonexistent' });
  expect(() => sync.serve(dir as string)).toThrow(
    expect.objectContaining({
      code: 'BAD_OPTION',
      message: expect.stringContaining(`it was given ${shown}`) as string,
    }),
  );
  await sync.close();
});

test('on a machine without a host id existing files are served, and nothing else happens', async () => {
  const sync = createSyncMedia({
    environment: {
      HOME: served.root,
      SYNCMEDIA_STATE_DIR: join(served.root, 'state'),
      SYNCMEDIA_ROOT: served.root,
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const { Schema, Mongoose } = await import('mongoose');
  const schema = new Schema({ file: String });
  schema.plugin(sync.plugin, { syncDirs: ['uploads'] });
  new Mongoose().model('Local', schema);
  const local = await startWeb((app) => {
    app.use('/uploads', sync.serve('uploads'));
    app.use('/absolute', sync.serve(join(served.root, 'uploads')));
    app.use('/outside', sync.serve('/srv/somewhere/else'));
  });
  expect((await local.get('/uploads/a.txt')).body.toString()).toBe('hello');
  expect((await local.get('/absolute/a.txt')).body.toString()).toBe('hello');
  expect((await local.get('/outside/a.txt')).status).toBe(404);
  expect((await local.get('/uploads/missing.txt')).status).toBe(404);
  await local.close();
  await sync.close();
});
