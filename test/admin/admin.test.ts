import { EventEmitter, once } from 'node:events';
import { request as sendByHttp } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request } from 'express';
// @ts-expect-error: the alias has no types of its own; what is used of it here is the same in both.
import express4 from 'express4';
import request from 'supertest';
import { beforeEach, describe, expect, test } from 'vitest';
import type { AdminOptions } from '../../src/admin/admin-options.js';
import { createAdmin } from '../../src/admin/create-admin.js';
import {
  errorCatalogue,
  type ErrorCode,
  refusalCatalogue,
} from '../../src/model/error-catalogue.js';
import { SyncMediaError } from '../../src/model/errors.js';
import type { Log } from '../../src/model/log.js';
import { fingerprint, publicKey, RecordingInstance } from './recording-instance.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
const bearer = `Bearer ${token}`;

const lines: string[] = [];
const log: Log = {
  info: (message) => {
    lines.push(`info ${message}`);
  },
  warn: (message) => {
    lines.push(`warn ${message}`);
  },
  error: (message) => {
    lines.push(`error ${message}`);
  },
};
let sync: RecordingInstance;
beforeEach(() => {
  lines.length = 0;
  sync = new RecordingInstance();
});

/** How the router asks for changes of hosts: nothing is approved by the way. */
const remote = { remote: true };
interface ErrorBody {
  error: { code: string; message: string };
}
const errorOf = (answer: request.Response): ErrorBody['error'] => (answer.body as ErrorBody).error;

/**
 * Every Express this package supports, with and without parsers of the app's own before the router.
 */
const apps: [name: string, make: (options: AdminOptions) => Express][] = [
  ['Express 5', (options) => express().use('/admin', createAdmin(sync, options))],
  [
    'Express 5 behind express.json',
    (options) =>
      express().use(express.json(), express.urlencoded()).use('/admin', createAdmin(sync, options)),
  ],
  [
    'Express 5 behind express.raw',
    (options) =>
      express()
        .use(express.raw({ type: '*/*' }))
        .use('/admin', createAdmin(sync, options)),
  ],
  ['Express 4', (options) => make4().use('/admin', createAdmin(sync, options))],
  [
    'Express 4 behind express.json',
    (options) =>
      make4()
        .use(express.json(), express.urlencoded({ extended: true }))
        .use('/admin', createAdmin(sync, options)),
  ],
];
const make4 = express4 as typeof express;

describe.each(apps)('on %s', (_, make) => {
  const app = (options: AdminOptions = { token }): Express => make({ log, ...options });

  test('lists hosts, with fingerprints of their keys', async () => {
    const answer = await request(app()).get('/admin/hosts').set('Authorization', bearer);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      hosts: [
        {
          hostname: 'web1',
          publicKey,
          key: { type: 'ssh-ed25519', fingerprint },
          hostKeys: [{ fingerprint }],
        },
      ],
    });
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-type': 'application/json; charset=utf-8',
      'x-frame-options': 'DENY',
      'content-security-policy':
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    });
  });

  const somebody: unknown = expect.stringMatching(/^somebody through the router, from /);

  test('requests a push, and answers with its run at once', async () => {
    const answer = await request(app())
      .post('/admin/push')
      .set('Authorization', bearer)
      .send({ hosts: ['web2'], dirs: ['uploads'], dryRun: true });
    expect([answer.status, answer.headers.location]).toEqual([202, './runs/r1']);
    expect(answer.body).toMatchObject({ run: { id: 'r1', kind: 'push', state: 'requested' } });
    expect(sync.calls).toEqual([
      ['push', { hosts: ['web2'], dirs: ['uploads'], dryRun: true, by: somebody }],
    ]);
  });

  test('accepts a request without a body', async () => {
    const answer = await request(app())
      .post('/admin/pull')
      .set('Authorization', bearer)
      .set('Content-Type', 'application/json');
    expect(answer.status).toBe(202);
    expect(sync.calls).toEqual([['pull', { by: somebody }]]);
  });

  test('initialises, adds, edits and unregisters hosts', async () => {
    const agent = request(app());
    const send = (method: 'post' | 'patch' | 'delete', path: string, body: object) =>
      agent[method](path).set('Authorization', bearer).send(body);
    const registration = {
      hostname: 'web1',
      url: 'web1.example',
      sshPort: 2222,
      username: 'deploy',
      key: publicKey,
      root: '/srv/site',
      syncDirs: ['uploads'],
    };
    expect((await send('post', '/admin/hosts/init', registration)).status).toBe(201);
    expect(
      (await send('post', '/admin/hosts', { hostname: 'nas', root: '/media', hostKey: publicKey }))
        .status,
    ).toBe(201);
    expect((await send('patch', '/admin/hosts/web%201', { status: 'paused' })).status).toBe(200);
    expect((await send('delete', '/admin/hosts/web1', {})).status).toBe(200);
    expect(sync.calls).toEqual([
      ['hosts.init', registration, remote],
      ['hosts.add', { hostname: 'nas', root: '/media', hostKey: publicKey }, remote],
      [
        'hosts.edit',
        'web 1',
        { status: 'paused' },
        { ...remote, by: expect.stringContaining('through the router') as unknown },
      ],
      ['hosts.unregister', 'web1', {}],
    ]);
  });

  test('an unknown field is refused by name, and nothing is called', async () => {
    const answer = await request(app())
      .post('/admin/push')
      .set('Authorization', bearer)
      .send({ host: 'web2' });
    expect([answer.status, errorOf(answer).code]).toEqual([400, 'BAD_REQUEST']);
    expect(errorOf(answer).message).toContain('"host"');
    expect(sync.calls).toEqual([]);
  });

  test('more than 64 KiB is refused', async () => {
    const answer = await request(app())
      .post('/admin/push')
      .set('Authorization', bearer)
      .send({ dirs: ['x'.repeat(70_000)] });
    expect([answer.status, errorOf(answer).code]).toEqual([413, 'TOO_LARGE']);
  });

  test('refuses every request until authentication is configured, and logs that once', async () => {
    const agent = request(app({}));
    for (const path of ['/admin/hosts', '/admin/nowhere']) {
      const answer = await agent.get(path).set('Authorization', bearer);
      expect([answer.status, errorOf(answer).code]).toEqual([403, 'FORBIDDEN']);
    }
    expect(lines).toEqual([expect.stringMatching(/^warn .*authorize.*SYNCMEDIA_ADMIN_TOKEN/)]);
  });
});

describe('who may use it', () => {
  const get = (options: AdminOptions, authorization?: string) => {
    const asked = request(express().use(createAdmin(sync, { log, ...options }))).get('/status');
    return authorization === undefined ? asked : asked.set('Authorization', authorization);
  };
  const basic = (password: string): string =>
    `Basic ${Buffer.from(`anyone:${password}`).toString('base64')}`;

  test.each([
    ['the token as Bearer', bearer, 200],
    ['the token as Basic password', basic(token), 200],
    ['the scheme in capitals', `BEARER ${token}`, 200],
    ['a wrong token', `${bearer}x`, 401],
    ['a prefix of it', bearer.slice(0, -1), 401],
    ['a wrong password', basic('no'), 401],
    ['Basic without a colon', `Basic ${Buffer.from(token).toString('base64')}`, 401],
    ['another scheme', `Digest ${token}`, 401],
    ['nothing', undefined, 401],
  ])('%s', async (_, authorization, status) => {
    const answer = await get({ token }, authorization);
    expect(answer.status).toBe(status);
    expect(answer.headers['www-authenticate']).toBe(
      status === 401 ? 'Basic realm="syncmedia", charset="UTF-8"' : undefined,
    );
  });

  /** What no `authorize` should reject with, but may. */
  const noReason = (reason: unknown): Error => reason as Error;

  test.each<[string, AdminOptions['authorize'], number]>([
    ['true', () => true, 200],
    ['"approve"', () => 'approve', 200],
    ['another text', (() => 'yes') as unknown as () => boolean, 403],
    ['a promise of true', async () => true, 200],
    ['false', () => false, 403],
    ['a promise of false', async () => false, 403],
    ['something truthy that is not true', (() => ({ user: 1 })) as unknown as () => boolean, 403],
    [
      'a throw',
      () => {
        throw new Error('session store down');
      },
      500,
    ],
    ['a rejection', () => Promise.reject(new Error('down')), 500],
    // For Express these are no errors.
    ['a rejection without a reason', () => Promise.reject(noReason(undefined)), 500],
    ['a rejection with null', () => Promise.reject(noReason(null)), 500],
    ['a rejection with "route"', () => Promise.reject(noReason('route')), 500],
    ['a rejection with "router"', () => Promise.reject(noReason('router')), 500],
  ])('authorize that answers %s', async (_, authorize, status) => {
    const answer = await get({ authorize });
    expect(answer.status).toBe(status);
    expect(sync.calls.length).toBe(status === 200 ? 1 : 0);
  });

  test('with both, either is enough', async () => {
    expect((await get({ token, authorize: () => false }, bearer)).status).toBe(200);
    expect((await get({ token, authorize: () => true })).status).toBe(200);
    expect((await get({ token, authorize: () => false })).status).toBe(401);
  });

  test('authorize sees the request as the app made it', async () => {
    const app = express()
      .use((req, _, next) => {
        Object.assign(req, { user: 'ada' });
        next();
      })
      .use(
        createAdmin(sync, {
          log,
          authorize: (req) => (req as unknown as { user: string }).user === 'ada',
        }),
      );
    expect((await request(app).get('/status')).status).toBe(200);
  });

  test('authorize sees the parameters of the address that the router is mounted at', async () => {
    const admin = createAdmin(sync, { log, authorize: ({ params }) => params.tenant === 'ada' });
    const app = express().use('/of/:tenant', admin);
    expect((await request(app).get('/of/ada/status')).status).toBe(200);
    expect((await request(app).get('/of/bob/status')).status).toBe(403);
  });

  test('authorize never sees the parameters of a route, which the requester chooses', async () => {
    const seen: unknown[] = [];
    const admin = createAdmin(sync, {
      log,
      authorize: ({ params }) => {
        seen.push({ ...params });
        return params.host === 'mine' ? 'approve' : true;
      },
    });
    const app = express().use('/of/:host', admin);
    const answer = await request(app).post('/of/other/hosts/mine/approve').send({});
    expect(answer.status).toBe(403);
    expect(seen).toEqual([{ host: 'other' }, { host: 'other' }]);
  });

  test('health and readiness are public, by GET and HEAD only', async () => {
    const agent = request(express().use(createAdmin(sync, { log, token })));
    for (const path of ['/healthz', '/readyz']) {
      expect((await agent.get(path)).body).toEqual({ status: 'ok' });
      expect((await agent.head(path)).status).toBe(200);
      expect((await agent.post(path)).status).toBe(401);
      const answer = await agent.post(path).set('Authorization', bearer);
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET']);
    }
  });

  test('a refusal is the same whether or not the address exists', async () => {
    const agent = request(express().use(createAdmin(sync, { log, token })));
    for (const method of ['get', 'put', 'options', 'delete'] as const) {
      for (const path of ['/hosts', '/hosts/%E0%A4%A', '/nowhere', '/hosts/init']) {
        const answer = await agent[method](path);
        expect([answer.status, errorOf(answer).code, answer.headers.allow]).toEqual([
          401,
          'UNAUTHORIZED',
          undefined,
        ]);
      }
    }
  });

  test('after many wrong tokens every token is refused for a while, the right one too', async () => {
    const app = express().use(createAdmin(sync, { log, token }));
    const seen = new Set<number>();
    for (let tries = 0; tries < 40 && !seen.has(429); tries++)
      seen.add((await request(app).get('/status').set('Authorization', 'Bearer wrong')).status);
    expect(seen).toEqual(new Set([401, 429]));
    const answer = await request(app).get('/status').set('Authorization', bearer);
    expect([answer.status, errorOf(answer).code]).toEqual([429, 'TOO_MANY_FAILURES']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('a token that is too short is refused when the router is made', () => {
    expect(() => createAdmin(sync, { log, token: 'short' })).toThrow(/32 characters/);
  });

  test('an unknown option is refused by name', () => {
    expect(() => createAdmin(sync, { log, authorise: () => true } as AdminOptions)).toThrow(
      /authorise/,
    );
  });
});

describe('changes', () => {
  const app = (options: AdminOptions = {}): Express =>
    express()
      .use((_, response, next) => {
        response
          .setHeader('Content-Security-Policy', 'default-src *')
          .setHeader('X-Frame-Options', 'SAMEORIGIN');
        next();
      })
      .use('/admin', createAdmin(sync, { log, token, ...options }))
      .use((_, response) => {
        response.json({ app: true });
      });
  const send = (
    method: 'post' | 'patch' | 'delete',
    path: string,
    body: object,
    options: AdminOptions = {},
  ) => request(app(options))[method](`/admin${path}`).set('Authorization', bearer).send(body);

  test('the token approves no host, whatever else the request carries', async () => {
    const digest = 'd'.repeat(64);
    for (const body of [{ digest }, { digest, token }, { token }, {}]) {
      for (const authorize of [
        undefined,
        () => true,
        () => false,
        async () => true,
        (() => ({ approve: true })) as unknown as () => boolean,
        (() => 'approved') as unknown as () => boolean,
      ]) {
        const answer = await send('post', '/hosts/web2/approve', body, { authorize });
        expect([answer.status, errorOf(answer).message]).toEqual([
          403,
          expect.stringContaining('command line'),
        ]);
      }
    }
    expect(sync.calls).toEqual([]);
  });

  test.each<[string, AdminOptions]>([
    ['with the token', { authorize: () => 'approve' }],
    ['without a token', { token: undefined, authorize: () => Promise.resolve('approve' as const) }],
  ])(
    'a person to whom authorize answers "approve" approves a host by its fingerprints: %s',
    async (_, options) => {
      const digest = 'd'.repeat(64);
      expect((await send('post', '/hosts/web2/approve', {}, options)).status).toBe(400);
      expect((await send('post', '/hosts/web2/approve', { digest }, options)).status).toBe(200);
      expect(sync.calls).toEqual([['hosts.approve', 'web2', digest]]);
    },
  );

  test('read-only, it shows and changes nothing', async () => {
    const readOnly = { readOnly: true };
    for (const [method, path] of [
      ['post', '/push'],
      ['patch', '/hosts/web1'],
      ['delete', '/hosts/web1'],
      ['post', '/hosts/web1/approve'],
    ] as const) {
      expect((await send(method, path, {}, readOnly)).status).toBe(403);
    }
    expect(sync.calls).toEqual([]);
    expect(
      (await request(app(readOnly)).get('/admin/hosts').set('Authorization', bearer)).status,
    ).toBe(200);
  });

  test('record the name of the person who requests them', async () => {
    const basic = `Basic ${Buffer.from(`ada\n:${token}`).toString('base64')}`;
    await request(app()).post('/admin/push').set('Authorization', basic).send({});
    await send('post', '/push', {});
    await send('post', '/push', {}, { nameOf: () => 'grace' });
    expect(sync.names).toEqual([
      expect.stringMatching(/^"ada" through the router, from .*127\.0\.0\.1$/),
      expect.stringMatching(/^somebody through/),
      expect.stringMatching(/^"grace" through/),
    ]);
    expect(
      (await request(app()).get('/admin/audit?limit=5').set('Authorization', bearer)).body,
    ).toMatchObject({ audit: [{ by: 'ada', what: 'push' }] });
  });

  test("the headers are those of its own answers, and no other's", async () => {
    const own = await request(app()).get('/admin/hosts').set('Authorization', bearer);
    expect([own.headers['content-security-policy'], own.headers['x-frame-options']]).toEqual([
      expect.stringContaining("default-src 'none'"),
      'DENY',
    ]);
    const other = await request(app()).get('/elsewhere');
    expect([other.headers['content-security-policy'], other.headers['x-frame-options']]).toEqual([
      'default-src *',
      'SAMEORIGIN',
    ]);
  });
});

describe('where a change may come from', () => {
  const post = (headers: Record<string, string>) =>
    request(express().use(createAdmin(sync, { log, token })))
      .post('/push')
      .set({ Authorization: bearer, Host: 'site.example', ...headers })
      .send('{}');
  const json = { 'Content-Type': 'application/json' };

  test.each([
    ['no Origin', json, 202],
    ['its own origin', { ...json, Origin: 'https://site.example' }, 202],
    [
      'its own origin with the default port',
      { ...json, Host: 'site.example:443', Origin: 'https://site.example' },
      202,
    ],
    [
      'same-origin, said by the browser behind a proxy that renames the host',
      { ...json, 'Sec-Fetch-Site': 'same-origin', Origin: 'https://public.example' },
      202,
    ],
    ['another origin', { ...json, Origin: 'https://evil.example' }, 403],
    ['another port', { ...json, Origin: 'https://site.example:8443' }, 403],
    ['the null origin', { ...json, Origin: 'null' }, 403],
    ['a sibling site', { ...json, 'Sec-Fetch-Site': 'same-site' }, 403],
    ['another site', { ...json, 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['JSON with a charset', { 'Content-Type': 'application/json; charset=utf-8' }, 202],
    ['plain text', { 'Content-Type': 'text/plain' }, 415],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415],
    ['a longer type', { 'Content-Type': 'application/jsonx' }, 415],
  ])('%s', async (_, headers, status) => {
    expect((await post(headers)).status).toBe(status);
    expect(sync.calls.length).toBe(status === 202 ? 1 : 0);
  });

  test('GET changes nothing at any address', async () => {
    const agent = request(express().use(createAdmin(sync, { log, token })));
    for (const path of ['/push', '/pull', '/hosts/init', '/runs/r1/cancel'])
      await agent.get(path).set('Authorization', bearer);
    expect(sync.calls.map(([method]) => method)).toEqual(['hosts.show']);
  });
});

describe('addresses and input', () => {
  const agent = () => request(express().use('/sync-admin', createAdmin(sync, { log, token })));
  const get = (path: string) => agent().get(`/sync-admin${path}`).set('Authorization', bearer);

  test('the index names every route', async () => {
    for (const path of ['', '/']) {
      const answer = await get(path);
      expect(answer.status).toBe(200);
      expect(
        (answer.body as { routes: { path: string }[] }).routes.map(({ path: route }) => route),
      ).toEqual(expect.arrayContaining(['/status', '/hosts/:host', '/runs/:id/cancel']));
    }
  });

  test('an unknown address is 404, a known one with another method 405 with Allow', async () => {
    expect(errorOf(await get('/nowhere')).code).toBe('NOT_FOUND');
    const answer = await agent().put('/sync-admin/hosts').set('Authorization', bearer);
    expect([answer.status, errorOf(answer).code, answer.headers.allow]).toEqual([
      405,
      'METHOD_NOT_ALLOWED',
      'GET, POST',
    ]);
    const both = await agent().put('/sync-admin/hosts/init').set('Authorization', bearer);
    expect([both.status, both.headers.allow]).toEqual([405, 'GET, POST, PATCH, DELETE']);
    const options = await agent().options('/sync-admin/push').set('Authorization', bearer);
    expect([options.status, options.headers.allow]).toEqual([405, 'POST']);
  });

  test('a file is found by its path, as the query gives it', async () => {
    const answer = await get('/files?path=uploads%2Fa%20b.jpg');
    expect(answer.status).toBe(200);
    await get('/files?path=uploads/a?b.jpg');
    expect(sync.calls).toEqual([
      ['files.find', { path: 'uploads/a b.jpg' }],
      ['files.find', { path: 'uploads/a?b.jpg' }],
    ]);
    for (const query of ['?path=', '?path=a%00', '?name=a', '?document=Photo', '?limit=0'])
      expect((await get(`/files${query}`)).status).toBe(400);
  });

  test('HEAD is GET without a body', async () => {
    const answer = await agent().head('/sync-admin/status').set('Authorization', bearer);
    expect([answer.status, answer.text]).toEqual([200, undefined]);
  });

  test('an address that does not decode is 400', async () => {
    expect((await get('/hosts/%E0%A4%A')).status).toBe(400);
  });

  test.each([
    ['/runs?limit=3', 200],
    ['/runs', 200],
    ['/runs?limit=0', 400],
    ['/runs?limit=', 400],
    ['/runs?limit=1e9', 400],
    ['/runs?limt=3', 400],
  ])('GET %s is %i', async (path, status) => {
    expect((await get(path)).status).toBe(status);
  });

  test('a body that broke off while authorize ran changes nothing', async () => {
    const asked = new EventEmitter();
    const authorize = async (asking: Request): Promise<boolean> => {
      asked.emit('asked');
      await once(asking, 'close');
      return true;
    };
    const server = express()
      .use((_request, response, next) => {
        response.once('close', () => setImmediate(() => asked.emit('answered')));
        next();
      })
      .use(createAdmin(sync, { log, authorize }))
      .listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const headers = { 'Content-Type': 'application/json', 'Content-Length': 20 };
      const outgoing = sendByHttp({ port, method: 'POST', path: '/push', headers });
      outgoing.on('error', () => undefined);
      const [isAsked, isAnswered] = [once(asked, 'asked'), once(asked, 'answered')];
      outgoing.write('{"hosts":');
      await isAsked;
      outgoing.destroy();
      await isAnswered;
      expect(sync.calls).toEqual([]);
    } finally {
      server.close();
    }
  });

  const bad: [method: 'post' | 'patch', path: string, body: unknown, culprit: string][] = [
    ['post', '/hosts/init', { sshPort: 0 }, 'sshPort'],
    ['post', '/hosts/init', { sshPort: '22' }, 'sshPort'],
    ['post', '/hosts/init', { syncDirs: 'uploads' }, 'syncDirs'],
    ['post', '/hosts/init', { hostname: 'a\nb' }, 'hostname'],
    ['post', '/hosts/init', { hostname: '' }, 'hostname'],
    ['post', '/hosts/init', { key: '/etc/shadow' }, 'key'],
    ['post', '/hosts', { hostname: 'nas' }, 'root'],
    ['patch', '/hosts/web1', { status: 'retired' }, 'status'],
    ['patch', '/hosts/web1', { passive: true }, 'passive'],
    ['post', '/push', { dirs: [1] }, 'dirs[0]'],
    ['post', '/push', { dryRun: 'yes' }, 'dryRun'],
    ['post', '/push', [], 'object'],
    ['post', '/push', 'x', 'object'],
    ['post', '/runs/r1/cancel', { force: true }, 'force'],
  ];
  test.each(bad)('%s %s %j names %s', async (method, path, body, culprit) => {
    const answer = await agent()
      [method](`/sync-admin${path}`)
      .set('Authorization', bearer)
      .set('Content-Type', 'application/json')
      .send(JSON.stringify(body));
    expect([answer.status, errorOf(answer).code]).toEqual([400, 'BAD_REQUEST']);
    expect(errorOf(answer).message).toContain(culprit);
    expect(sync.calls).toEqual([]);
  });

  test.each(['{', '{"__proto__": {"dryRun": true}}', '\u0000'])(
    'the body %j is refused',
    async (body) => {
      const answer = await agent()
        .post('/sync-admin/push')
        .set('Authorization', bearer)
        .set('Content-Type', 'application/json')
        .send(body);
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'BAD_REQUEST']);
      expect(sync.calls).toEqual([]);
    },
  );
});

describe('errors', () => {
  const get = async (fail: Error, path = '/status') => {
    sync.fail = fail;
    return request(express().use(createAdmin(sync, { log, token })))
      .get(path)
      .set('Authorization', bearer);
  };

  test('mistakes of the caller are named in the answer', async () => {
    const answer = await request(express().use(createAdmin(sync, { log, token })))
      .get('/hosts/nobody')
      .set('Authorization', bearer);
    expect([answer.status, answer.body]).toEqual([
      404,
      {
        error: {
          code: 'UNKNOWN_HOST',
          message: 'nobody is no host',
          remedy: errorCatalogue.UNKNOWN_HOST.remedy,
        },
      },
    ]);
  });

  test('the answer to an internal failure has its code, and only the log has the details', async () => {
    const answer = await get(
      new SyncMediaError('MISSING_PROGRAM', '/usr/bin/rsync --server -e ssh /srv/site: not found'),
    );
    expect([answer.status, errorOf(answer).code]).toEqual([500, 'MISSING_PROGRAM']);
    expect(errorOf(answer).message).not.toMatch(/\/usr|\/srv|--server/);
    const reference = /reference (\w+)/.exec(errorOf(answer).message)?.[1];
    expect(lines).toEqual([
      expect.stringContaining(`reference ${String(reference)}: MISSING_PROGRAM: /usr/bin/rsync`),
    ]);
  });

  test('an unknown error is 500 INTERNAL with a reference to the log, without its text and stack', async () => {
    const answer = await get(new TypeError('cannot read /srv/site/secret.json'));
    expect([answer.status, errorOf(answer).code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(answer.body)).not.toMatch(/srv|TypeError|\.ts/);
    const reference = /reference (\w+)/.exec(errorOf(answer).message)?.[1];
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(`reference ${String(reference)}: TypeError: cannot read /srv`),
      ),
    ]);
  });

  test('a path of the server is hidden, a path that the caller sent is not', async () => {
    sync.fail = new SyncMediaError(
      'BAD_SYNC_DIR',
      'uploads below "/srv/my site" is a file, /home/me/.ssh/id_rsa too, /sent is not',
    );
    const answer = await request(express().use(createAdmin(sync, { log, token })))
      .post('/hosts/init')
      .set('Authorization', bearer)
      .send({ root: '/sent' });
    expect([answer.status, errorOf(answer).message]).toEqual([
      400,
      'uploads below "…" is a file, … too, /sent is not',
    ]);
  });

  test("every code has its status, and the router's own codes are none of them", async () => {
    for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
      // Only the metrics need that package.
      const answer = await get(
        new SyncMediaError(code, 'x'),
        code === 'NO_PROM_CLIENT' ? '/metrics' : '/status',
      );
      expect(errorOf(answer).code).toBe(code);
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
    expect(Object.keys(refusalCatalogue).filter((code) => code in errorCatalogue)).toEqual([]);
  });
});
