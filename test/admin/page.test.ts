import express, { type Express } from 'express';
// @ts-expect-error: the alias has no types of its own; what is used of it here is the same in both.
import express4 from 'express4';
import request from 'supertest';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AdminOptions } from '../../src/admin/admin-options.js';
import { createAdmin } from '../../src/admin/create-admin.js';
import { RecordingInstance } from './recording-instance.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const assets = [
  { name: 'index.html', type: 'text/html', text: '<!doctype html><title>syncmedia</title>' },
  { name: 'page.a1b2c3.js', type: 'text/javascript', text: 'document.title = "ü"' },
  { name: 'page.d4e5f6.css', type: 'text/css; charset=utf-8', text: 'body{}' },
  { name: 'icon.0a0b0c.svg', type: 'image/svg+xml', text: '<svg/>' },
];
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'";
/** As Chromium asks for a page. */
const browser = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

let sync: RecordingInstance;
beforeEach(() => {
  sync = new RecordingInstance();
});

const make4 = express4 as typeof express;
const admin = (options: AdminOptions = { token }, files = assets) =>
  createAdmin(sync, { log: silent, ...options }, undefined, async () => files);

describe.each<[string, () => Express]>([
  ['Express 5', () => express()],
  ['Express 4', () => make4()],
])('on %s', (_, make) => {
  test('a browser gets the page without signing in, and a program the index', async () => {
    const app = make().use('/a/sync-admin', admin());
    const page = await request(app).get('/a/sync-admin/').set(browser);
    expect([page.status, page.text]).toEqual([200, assets[0]!.text]);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      vary: 'Accept',
    });
    expect((await request(app).get('/a/sync-admin/')).status).toBe(401);
    const index = await request(app).get('/a/sync-admin/').auth('ops', token);
    expect(index.body).toMatchObject({ name: 'syncmedia' });
    expect(index.headers.vary).toBe('Accept');
    expect(sync.calls).toEqual([]);
  });

  test('without a slash a browser is led to the address with one, relatively', async () => {
    const app = make().use('/a/:b', admin());
    const locationOf = async (path: string) => {
      const { status, headers } = await request(app).get(path).set(browser);
      return [status, headers.location as unknown];
    };
    expect(await locationOf('/a/sync-admin')).toEqual([302, './sync-admin/']);
    expect(await locationOf('/a/sync-admin?x=/y')).toEqual([302, './sync-admin/?x=/y']);
    expect(await locationOf('/a/javascript:alert(1)')).toEqual([302, './javascript:alert(1)/']);
    expect(await locationOf('/a/%2f%2fevil.example')).toEqual([302, './%2f%2fevil.example/']);
    const index = request(app).get('/a/sync-admin').auth('ops', token);
    expect((await index).body).toMatchObject({ name: 'syncmedia' });
  });

  test('its files are public, and kept for good', async () => {
    const app = make().use('/a/sync-admin', admin({}));
    const script = await request(app).get('/a/sync-admin/assets/page.a1b2c3.js');
    expect([script.status, script.text]).toEqual([200, assets[1]!.text]);
    expect(script.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'content-security-policy': policy,
    });
    const etag = script.headers.etag as string;
    for (const given of [etag, `W/${etag}`, `"x", ${etag}`]) {
      const again = await request(app)
        .get('/a/sync-admin/assets/page.a1b2c3.js')
        .set('If-None-Match', given);
      expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
    }
    const head = await request(app).head('/a/sync-admin/assets/icon.0a0b0c.svg');
    expect([head.status, head.headers['content-type']]).toEqual([
      200,
      'image/svg+xml; charset=utf-8',
    ]);
  });

  test('a page of another version gets the script of this one, which nobody caches', async () => {
    const app = make().use('/a/sync-admin', admin({}));
    const script = await request(app).get('/a/sync-admin/assets/page.f0f0f0.js');
    expect([script.status, script.text]).toEqual([200, assets[1]!.text]);
    expect(script.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy,
    });
  });

  test.each([
    '/assets/other.a1b2c3.js',
    '/assets/page.js',
    '/assets/page.a1b2c3.css.js',
    '/assets/index.html',
    '/assets/__proto__',
    '/assets/constructor',
    '/assets/..%2findex.html',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e%2fpackage.json',
    '/assets/page.a1b2c3.js%00',
  ])('%s is no file of it, and asks for no password', async (path) => {
    const app = make().use('/sync-admin', admin());
    const answer = await request(app).get(`/sync-admin${path}`);
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([
      path.endsWith('%00') ? 400 : 404,
      undefined,
    ]);
    expect(answer.body).toHaveProperty('error.code');
  });

  test.each([
    '/assets//page.a1b2c3.js',
    '/ASSETS/page.a1b2c3.js',
    '//status',
    '/./status',
    '/assets/..%2fstatus/',
  ])('%s opens nothing', async (path) => {
    const app = make().use('/sync-admin', admin());
    expect((await request(app).get(`/sync-admin${path}`)).status).toBe(401);
  });
});

test.each<[string | undefined, boolean]>([
  [undefined, false],
  ['*/*', false],
  ['application/json', false],
  ['text/*', true],
  ['text/html', true],
  ['application/json, text/html;q=0.9', false],
  ['text/html;q=0, */*', false],
  ['TEXT/HTML', true],
  ['', false],
  [',;;q=', false],
  [`${'text/plain,'.repeat(1000)}text/html`, true],
])('Accept: %s', async (accept, isPage) => {
  const asked = request(express().use(admin())).get('/');
  const answer = await (accept === undefined ? asked : asked.set('Accept', accept));
  expect(answer.status).toBe(isPage ? 200 : 401);
});

test('the page has its own policy, whatever the application has set', async () => {
  const app = express()
    .use((_, response, next) => {
      response.set({
        'Content-Security-Policy': "default-src 'none'",
        'Content-Security-Policy-Report-Only': "default-src 'none'; report-uri /csp",
      });
      next();
    })
    .use('/sync-admin', admin());
  for (const path of ['/', '/assets/page.d4e5f6.css']) {
    const { headers } = await request(app).get(`/sync-admin${path}`).set(browser);
    expect(headers['content-security-policy']).toBe(policy);
    expect(headers['content-security-policy-report-only']).toBeUndefined();
  }
});

test('the page is found in a router within a router', async () => {
  const nested = express.Router().use('/', express.Router().use('/queues', admin()));
  const app = express().use('/admin', nested);
  const slashless = await request(app).get('/admin/queues').set(browser);
  expect([slashless.status, slashless.headers.location]).toEqual([302, './queues/']);
  expect((await request(app).get('/admin/queues/').set(browser)).text).toBe(assets[0]!.text);
  expect((await request(app).get('/admin/queues/assets/page.a1b2c3.js')).status).toBe(200);
});

test('where there is no page, a browser gets the index', async () => {
  const app = express().use(admin({ token }, []));
  expect((await request(app).get('/').set(browser)).status).toBe(401);
  expect((await request(app).get('/').set(browser).auth('ops', token)).body).toMatchObject({
    name: 'syncmedia',
  });
});

test('only GET and HEAD give the page', async () => {
  const agent = request(express().use(admin()));
  for (const method of ['post', 'put', 'options'] as const)
    expect((await agent[method]('/').set(browser)).status).toBe(401);
  expect((await agent.head('/').set(browser)).status).toBe(200);
});
