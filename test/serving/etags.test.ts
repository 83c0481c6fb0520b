import { rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { makeServed, type Served } from './served.js';
import { sha256Of, startWeb, type Got, type Web } from './web.js';

const tagOf = (bytes: string): string =>
  `"${Buffer.from(sha256Of(Buffer.from(bytes)), 'hex').toString('base64url')}"`;
const large = 'l'.repeat(400_000);

let served: Served, web: Web;
beforeAll(async () => {
  served = await makeServed();
  await served.write('uploads/a.txt', 'hello');
  await served.write('uploads/large.txt', large);
  web = await startWeb((app) => {
    app.use('/uploads', served.serve());
    app.use('/untagged', served.serve({ etag: false }));
    app.use(
      '/own',
      served.serve({
        setHeaders: (response) => {
          response.setHeader('ETag', '"of the application"');
        },
      }),
    );
  });
});
afterAll(async () => {
  await web.close();
  await served.remove();
});

/** The tag of a large file is there a moment after the first request for it. */
const untilTagged = (url: string): Promise<string> =>
  until(async () => (await web.get(url, { method: 'HEAD' })).headers.etag, { timeout: 20_000 });

describe('replacements of the same size in the same second', () => {
  const second = new Date(1_700_000_000_000);

  const byRename = async (at: string, content: string): Promise<void> => {
    await writeFile(`${at}.new`, content);
    await utimes(`${at}.new`, second, second);
    await rename(`${at}.new`, at);
  };
  const inPlace = async (at: string, content: string): Promise<void> => {
    await writeFile(at, content, { flag: 'r+' });
    await utimes(at, second, second);
  };

  test.each([
    ['a small file', 'a rename', byRename, 100],
    ['a small file', 'a write', inPlace, 100],
    ['a large file', 'a rename', byRename, 300_000],
    ['a large file', 'a write', inPlace, 300_000],
  ])(
    '%s replaced by %s: 100 conditional requests get the new bytes, never a 304',
    async (_size, how, replace, size) => {
      const name = `${String(size)}-${how.replace(' ', '-')}.txt`,
        at = join(served.root, 'uploads', name),
        url = `/uploads/${name}`;
      await served.write(`uploads/${name}`, '-'.repeat(size));
      await utimes(at, second, second);
      let before: Got = await web.get(url);
      for (let i = 0; i < 100; i++) {
        const content = String(i).padEnd(size, '.');
        await replace(at, content);
        const conditions = {
          ...(before.headers.etag === undefined ? {} : { 'If-None-Match': before.headers.etag }),
          'If-Modified-Since': before.headers['last-modified'] ?? '',
        };
        const got = await web.get(url, { headers: conditions });
        expect([got.status, got.body.toString() === content], `replacement ${String(i)}`).toEqual([
          200,
          true,
        ]);
        expect([undefined, tagOf(content)]).toContain(got.headers.etag);
        before = got;
      }
      const last = await untilTagged(url);
      expect(last).toBe(tagOf('99'.padEnd(size, '.')));
      expect((await web.get(url, { headers: { 'If-None-Match': last } })).status).toBe(304);
    },
  );
});

test.each([
  ['a.txt', 'hello'],
  ['large.txt', large],
])('%s has the same tag on two hosts, where it has other dates', async (name, content) => {
  const other = await makeServed();
  await other.write(`uploads/${name}`, content);
  await utimes(join(other.root, 'uploads', name), 1, 1);
  const its = await startWeb((app) => {
    app.use('/uploads', other.serve());
  });
  const there = await until(async () => (await its.get(`/uploads/${name}`)).headers.etag, {
    timeout: 20_000,
  });
  expect([there, await untilTagged(`/uploads/${name}`)]).toEqual([tagOf(content), tagOf(content)]);
  await its.close();
  await other.remove();
});

test.each(['a.txt', 'large.txt'])('HEAD, GET and a part of %s have one tag', async (name) => {
  const tag = await untilTagged(`/uploads/${name}`);
  expect((await web.get(`/uploads/${name}`)).headers.etag).toBe(tag);
  const part = await web.get(`/uploads/${name}`, { headers: { Range: 'bytes=1-2' } });
  expect([part.status, part.headers.etag, part.body.length]).toEqual([206, tag, 2]);
});

describe.each([
  ['a.txt', 'hello'],
  ['large.txt', large],
])('a condition on %s', (name, content) => {
  const url = `/uploads/${name}`;
  let tag: string, date: string;
  beforeAll(async () => {
    tag = await untilTagged(url);
    date = (await stat(join(served.root, 'uploads', name))).mtime.toUTCString();
  });
  const status = async (headers: Record<string, string>, from = url): Promise<number> =>
    (await web.get(from, { headers })).status;

  test('If-None-Match is met by the exact tag, also weakened or in a list', async () => {
    expect([
      await status({ 'If-None-Match': tag }),
      await status({ 'If-None-Match': `W/${tag}` }),
      await status({ 'If-None-Match': `"other", ${tag}` }),
    ]).toEqual([304, 304, 304]);
    expect([
      await status({ 'If-None-Match': '"other"' }),
      await status({ 'If-None-Match': tag.slice(0, -2) + '"' }),
    ]).toEqual([200, 200]);
  });

  test('If-Match is met by the exact tag only', async () => {
    expect([
      await status({ 'If-Match': tag }),
      await status({ 'If-Match': '*' }),
      await status({ 'If-Match': '"other"' }),
    ]).toEqual([200, 200, 412]);
  });

  test('If-Range gets a part for the exact tag, and the whole file for anything else', async () => {
    const range = { Range: 'bytes=0-1' };
    expect(await status({ ...range, 'If-Range': tag })).toBe(206);
    for (const other of ['"other"', `W/${tag}`, date, new Date().toUTCString(), 'nonsense']) {
      const got = await web.get(url, { headers: { ...range, 'If-Range': other } });
      expect([got.status, got.body.toString() === content], other).toEqual([200, true]);
    }
  });

  test('on the date alone is never a 304 or a part, since two versions may share a second', async () => {
    expect(await status({ 'If-Modified-Since': date })).toBe(200);
    expect(await status({ 'If-Modified-Since': new Date(Date.now() + 60_000).toUTCString() })).toBe(
      200,
    );
    expect(await status({ 'If-Unmodified-Since': date, Range: 'bytes=0-1' })).toBe(200);
    expect(await status({ 'If-Unmodified-Since': date, 'If-Match': tag, Range: 'bytes=0-1' })).toBe(
      206,
    );
    expect(await status({ 'If-Unmodified-Since': new Date(0).toUTCString() })).toBe(412);
  });

  test('on the date counts as for express.static where an app has turned tags off', async () => {
    const off = `/untagged/${name}`;
    expect((await web.get(off)).headers).not.toHaveProperty('etag');
    expect([
      await status({ 'If-Modified-Since': date }, off),
      await status({ Range: 'bytes=0-1', 'If-Range': date }, off),
    ]).toEqual([304, 206]);
  });

  test('goes by the tag that an app has set itself', async () => {
    expect((await web.get(`/own/${name}`)).headers.etag).toBe('"of the application"');
    expect([
      await status({ 'If-None-Match': '"of the application"' }, `/own/${name}`),
      await status({ 'If-None-Match': tag }, `/own/${name}`),
    ]).toEqual([304, 200]);
  });
});
