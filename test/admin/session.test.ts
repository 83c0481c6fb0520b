import { createHmac, hkdfSync } from 'node:crypto';
import express, { type Express } from 'express';
import request from 'supertest';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AdminOptions } from '../../src/admin/admin-options.js';
import { createAdmin } from '../../src/admin/create-admin.js';
import { SessionSeal } from '../../src/admin/session/session-seal.js';
import { version } from '../../src/util/version.js';
import { RecordingInstance } from './recording-instance.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
const { cookieName } = new SessionSeal(token);
const hour = 60 * 60 * 1000;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
let sync: RecordingInstance;
beforeEach(() => {
  sync = new RecordingInstance();
});

const makeApp = (options: AdminOptions = { token }): Express =>
  express().use('/a/sync-admin', createAdmin(sync, { log: silent, ...options }));

const signIn = (
  app: Express,
  body: object = { token, name: 'ada' },
  headers: Record<string, string> = {},
) => request(app).post('/a/sync-admin/session').set(headers).send(body);

/** What the browser keeps of an answer. */
function cookieOf(answer: request.Response): string {
  const [header = ''] = answer.get('Set-Cookie') ?? [];
  return header.split(';')[0] ?? '';
}
const get = (app: Express, cookie: string, path = '/status') =>
  request(app).get(`/a/sync-admin${path}`).set('Cookie', cookie);

describe('signing in', () => {
  test('the token gets a cookie that admits, without a path', async () => {
    const app = makeApp();
    const answer = await signIn(app);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.get('Set-Cookie')).toEqual([
      expect.stringMatching(
        /^syncmedia_session_[0-9a-f]{4}=[\w-]+\.[\w-]{43}; Max-Age=43200; HttpOnly; SameSite=Strict$/,
      ),
    ]);
    expect((await get(app, cookieOf(answer))).status).toBe(200);
    expect((await get(app, '')).status).toBe(401);
  });

  // Browsers share the cookies of a machine between its ports.
  test('two sites on one machine do not end each other’s sessions', async () => {
    const [app, other] = [makeApp(), makeApp({ token: `${token}2` })];
    const cookies = [
      cookieOf(await signIn(app)),
      cookieOf(await signIn(other, { token: `${token}2` })),
    ];
    expect(new Set(cookies.map((cookie) => cookie.split('=')[0])).size).toBe(2);
    for (const site of [app, other]) expect((await get(site, cookies.join('; '))).status).toBe(200);
  });

  test('without a token there is no cookie to remove', async () => {
    const app = makeApp({ authorize: () => true });
    const answer = await request(app).delete('/a/sync-admin/session').send({});
    expect([answer.status, answer.get('Set-Cookie')]).toEqual([204, undefined]);
  });

  test('the cookie is for TLS only where the browser speaks TLS', async () => {
    const headers = { Host: 'site.example', Origin: 'https://site.example' };
    const [header] = (await signIn(makeApp(), { token }, headers)).get('Set-Cookie') ?? [];
    expect(header).toMatch(/; Secure$/);
  });

  test('every process with the same token accepts the session, and a new token ends it', async () => {
    const cookie = cookieOf(await signIn(makeApp()));
    expect((await get(makeApp(), cookie)).status).toBe(200);
    expect((await get(makeApp({ token: `${token}2` }), cookie)).status).toBe(401);
    expect((await get(makeApp({ authorize: () => false }), cookie)).status).toBe(403);
  });

  test.each([
    ['a wrong token', { token: 'x' }, 401],
    ['no token', {}, 400],
    ['a name of two lines', { token, name: 'a\nb' }, 400],
    ['a name that is too long', { token, name: 'x'.repeat(101) }, 400],
    ['another field', { token, until: 9e15 }, 400],
  ])('%s gets no cookie', async (_, body, status) => {
    const answer = await signIn(makeApp(), body);
    expect([answer.status, answer.get('Set-Cookie')]).toEqual([status, undefined]);
    expect(answer.headers['www-authenticate']).toBeUndefined();
  });

  test.each<[string, Record<string, string>, number]>([
    ['another origin', { Origin: 'https://evil.example' }, 403],
    ['another site', { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', { 'Content-Type': 'text/plain' }, 415],
  ])('%s can neither sign in nor out', async (_, headers, status) => {
    for (const method of ['post', 'delete'] as const) {
      const answer = await request(makeApp())
        [method]('/a/sync-admin/session')
        .set('Content-Type', 'application/json')
        .set(headers)
        .send(JSON.stringify({ token }));
      expect([answer.status, answer.get('Set-Cookie')]).toEqual([status, undefined]);
    }
  });

  test('a proxy that renames the host over plain HTTP is named, with both names', async () => {
    const headers = { Host: '127.0.0.1:3000', Origin: 'http://ops.example' };
    const answer = await signIn(makeApp(), { token }, headers);
    expect(answer.status).toBe(403);
    const { message } = (answer.body as { error: { message: string } }).error;
    expect(message).toContain('of "http://ops.example", and the request came to "127.0.0.1:3000"');
    expect(message).toContain('pass on the header Host');
    // A browser that says so itself lies behind no such proxy.
    const other = await signIn(makeApp(), { token }, { 'Sec-Fetch-Site': 'cross-site' });
    expect(other.text).not.toContain('proxy');
  });

  test('wrong tokens in the form count as any others, and do not end sessions', async () => {
    const app = makeApp();
    const cookie = cookieOf(await signIn(app));
    const seen = new Set<number>();
    for (let tries = 0; tries < 40 && !seen.has(429); tries++)
      seen.add((await signIn(app, { token: 'wrong' })).status);
    expect(seen).toEqual(new Set([401, 429]));
    expect((await signIn(app)).status).toBe(429);
    const byHeader = await get(app, '').set('Authorization', `Bearer ${token}`);
    expect(byHeader.status).toBe(429);
    expect((await get(app, cookie)).status).toBe(200);
  });

  test('cookies that do not count use up no attempts', async () => {
    const app = makeApp();
    for (let tries = 0; tries < 40; tries++)
      expect((await get(app, `${cookieName}=old.${'x'.repeat(43)}`)).status).toBe(401);
    expect((await signIn(app)).status).toBe(204);
  });

  test('signing out removes the cookie', async () => {
    const answer = await request(makeApp()).delete('/a/sync-admin/session').send({});
    expect([answer.status, answer.get('Set-Cookie')]).toEqual([
      204,
      [`${cookieName}=; Max-Age=0; HttpOnly; SameSite=Strict`],
    ]);
  });

  test('a read-only router lets people sign in and out, and nothing else', async () => {
    const app = makeApp({ token, readOnly: true });
    const answer = await signIn(app);
    expect(answer.status).toBe(204);
    const cookie = cookieOf(answer);
    const push = request(app).post('/a/sync-admin/push').set('Cookie', cookie).send({});
    expect((await push).status).toBe(403);
    expect(sync.calls).toEqual([]);
    expect((await get(app, cookie, '/session')).body).toMatchObject({
      signedIn: true,
      mayChange: false,
      mayApprove: false,
    });
  });
});

describe('GET /session', () => {
  const show = async (app: Express, headers: Record<string, string> = {}) => {
    const answer = await request(app).get('/a/sync-admin/session').set(headers);
    expect(answer.status).toBe(200);
    return answer.body as unknown;
  };
  const nobody = { signedIn: false, signIn: 'token', mayChange: false, mayApprove: false };

  test('tells a stranger only how to sign in, and not the version', async () => {
    expect(await show(makeApp())).toEqual(nobody);
    expect(await show(makeApp(), { Cookie: `${cookieName}=x` })).toEqual(nobody);
    expect(await show(makeApp({ authorize: () => false }))).toEqual({ ...nobody, signIn: 'none' });
    expect(await show(makeApp({}))).toEqual({ ...nobody, signIn: 'none' });
  });

  test('tells a person who signed in the name and the end', async () => {
    const app = makeApp();
    const name = '<b>"ада"</b> \u{1f5bc}';
    const cookie = cookieOf(await signIn(app, { token, name }));
    expect(await show(app, { Cookie: cookie })).toEqual({
      ...nobody,
      signedIn: true,
      name,
      until: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      mayChange: true,
      version,
    });
  });

  test('tells whom authorize admits, and whether the person may approve', async () => {
    expect(await show(makeApp({ authorize: () => true }))).toMatchObject({
      signedIn: true,
      signIn: 'none',
      mayChange: true,
      mayApprove: false,
    });
    const approver = makeApp({ token, authorize: () => 'approve' });
    expect(await show(approver)).toMatchObject({ signIn: 'token', mayApprove: true });
    const readOnly = makeApp({ token, readOnly: true, authorize: () => 'approve' });
    expect(await show(readOnly)).toMatchObject({ mayChange: false, mayApprove: false });
  });

  test('answers 500 if authorize fails, and does not take that for a refusal', async () => {
    const app = makeApp({ authorize: () => Promise.reject(new Error('session store down')) });
    expect((await request(app).get('/a/sync-admin/session')).status).toBe(500);
  });
});

describe('which cookies count', () => {
  const seal = new SessionSeal(token);
  const at = (ms: number): string => new SessionSeal(token, () => Date.now() + ms).seal('ada');
  const key = Buffer.from(hkdfSync('sha256', token, '', 'syncmedia session', 32));
  const sealText = (text: string): string => {
    const content = Buffer.from(text).toString('base64url');
    return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`;
  };
  const named = (value: string): string => `${cookieName}=${value}`;
  const [content = '', signature = ''] = seal.seal('ada').split('.');

  test.each<[string, string, number]>([
    ['a fresh one', named(seal.seal('ada')), 200],
    ['one among those of the app', `a=b; ${named(seal.seal('ada'))}; sid=1=2`, 200],
    ['one of nearly 12 hours', named(at(-12 * hour + 60_000)), 200],
    ['one of 12 hours', named(at(-12 * hour)), 401],
    ['one of a host whose clock is ahead a little', named(at(60_000)), 200],
    ['one from the future', named(at(hour)), 401],
    ['one of another token', named(new SessionSeal(`${token}x`).seal('ada')), 401],
    ['two, both good', `${named(seal.seal('ada'))}; ${named(seal.seal('bob'))}`, 401],
    ['a good and a bad one', `${named('x')}; ${named(seal.seal('ada'))}`, 401],
    ['an oversized one', named(sealText(JSON.stringify({ name: 'x'.repeat(3000), from: 1 }))), 401],
    ['another name', `${cookieName}2=${seal.seal('ada')}`, 401],
    ['a name in capitals', `${cookieName.toUpperCase()}=${seal.seal('ada')}`, 401],
    ['a quoted one', `${cookieName}="${seal.seal('ada')}"`, 401],
    ['another content', named(`${content}A.${signature}`), 401],
    ['another signature', named(`${content}.${signature.slice(1)}A`), 401],
    ['no signature', named(content), 401],
    ['an empty signature', named(`${content}.`), 401],
    ['an empty one', named(''), 401],
    ['something sealed that is no session', named(sealText('{"name":1}')), 401],
    ['a name that is an object', named(sealText('{"name":{},"from":1}')), 401],
    ['a time that is no number', named(sealText('{"name":"","from":"1e99"}')), 401],
    ['no characters of a cookie', named('%00\u00ff'), 401],
  ])('%s', async (_, cookie, status) => {
    expect((await get(makeApp(), cookie)).status).toBe(status);
  });
});

describe('the name of a session', () => {
  const push = (app: Express, cookie: string) =>
    request(app).post('/a/sync-admin/push').set('Cookie', cookie).send({});

  test('is the name in the audit log', async () => {
    const app = makeApp();
    await push(app, cookieOf(await signIn(app)));
    await push(app, cookieOf(await signIn(app, { token })));
    expect(sync.names).toEqual([
      expect.stringMatching(/^"ada" through the router, from /),
      expect.stringMatching(/^somebody through the router, from /),
    ]);
  });

  test('comes after nameOf, and before the user of Basic', async () => {
    const app = makeApp({ token, nameOf: () => 'grace' });
    await push(app, cookieOf(await signIn(app)));
    expect(sync.names.at(-1)).toMatch(/^"grace"/);
    const other = makeApp();
    await push(other, cookieOf(await signIn(other))).auth('proxy', 'of nginx');
    expect(sync.names.at(-1)).toMatch(/^"ada"/);
  });

  test('is cut, and loses characters that control or reorder text', async () => {
    const sealed = new SessionSeal(token).seal(`a\r\nb\u202e\u2028${'\u{1f5bc}'.repeat(200)}`);
    await push(makeApp(), `${cookieName}=${sealed}`);
    expect(sync.names).toEqual([
      expect.stringMatching(new RegExp(`^"ab${'\u{1f5bc}'.repeat(98)}" through`, 'u')),
    ]);
  });
});

describe('a browser', () => {
  test('is not asked for a password by a script of the page', async () => {
    const app = makeApp();
    const headerOf = async (headers: Record<string, string>) =>
      (await request(app).get('/a/sync-admin/status').set(headers)).headers['www-authenticate'];
    expect(await headerOf({ 'Sec-Fetch-Dest': 'empty' })).toBeUndefined();
    expect(
      await headerOf({ 'Sec-Fetch-Dest': 'empty', Authorization: 'Bearer wrong' }),
    ).toBeUndefined();
    expect(await headerOf({ 'Sec-Fetch-Dest': 'document' })).toContain('Basic');
    expect(await headerOf({})).toContain('Basic');
  });

  test('shows no answer to scripts of other origins, whatever CORS the app allows', async () => {
    const app = express()
      .use((_, response, next) => {
        response.set({
          'Access-Control-Allow-Origin': 'https://evil.example',
          'Access-Control-Allow-Credentials': 'true',
        });
        next();
      })
      .use(createAdmin(sync, { log: silent, token }));
    const answer = await request(app).get('/session').set('Origin', 'https://evil.example');
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual(
      [],
    );
  });
});
