import { randomBytes } from 'node:crypto';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toHost } from '../../src/hosts/host-model.js';
import { isHostId, isHostname } from '../../src/model/host-name.js';
import { Seals } from '../../src/hosts/seal.js';
import { resolveConfig } from '../../src/config/resolve-config.js';
import { openSite, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { makeRow } from '../hosts/rows.js';
import { startWeb, type Web } from '../serving/web.js';
import { runInProcess } from './cli.js';

const hostile = countHostileInputs();
const inherited = Object.getOwnPropertyNames(Object.prototype);
/** Names that no host may have, by what is wrong with them. */
const classes: Readonly<Record<string, readonly string[]>> = {
  'what every object has': inherited,
  'that after a dot': inherited.map((name) => `.${name}`),
  'that before a dot': inherited.map((name) => `${name}.`),
  'words of objects and of the database': [
    'prototype.',
    '$where',
    '$set',
    'a.$.b',
    '__proto__.x',
    'x.__proto__',
    '{}',
    '[]',
    '[object Object]',
  ],
  'a label that begins or ends as none may': [
    '_x',
    '.a',
    'a.',
    'a..b',
    'a.-b',
    'a._b',
    '.',
    '..',
    '...',
  ],
  'an option': ['-x', '--', '-oProxyCommand=x'],
  'a path': ['/', 'a/b', '../x', 'a\\b', '~', '~root'],
  'no letter': ['', ' ', ' a', 'a ', 'a b', 'a\tb', 'a\nb', 'a\r', 'a\0', '\0', 'a\0b'],
  'words of a shell': ['a;b', 'a|b', 'a&b', '$(x)', '`x`', 'a"b', "a'b", '*', '?', '#a', 'a#'],
  'parts of an address': ['a,b', 'a:b', '[::1]', 'a@b', 'a%b', '%00'],
  'words of a page or a spreadsheet': ['<b>', '=1+1', '+a', '@a'],
  'letters beyond ASCII': ['é', 'е', '名', '\u202eabc', 'a\u200bb', '\ufeffa', 'ａ', '\ud800'],
  'too long': ['a'.repeat(254), `${'a.'.repeat(130)}a`],
};
const bad = [...new Set(Object.values(classes).flat())];
const good = [
  'a',
  'A1',
  'web-1',
  'web_1',
  'web-1.example.com',
  '127.0.0.1',
  'a'.repeat(253),
  'prototype',
  'null',
  'undefined',
  '0',
];

test('names of hosts are letters, digits, _ and - in labels, and none that every object has', () => {
  for (const name of bad) {
    hostile.tried(['isHostname', name], isHostname(name));
    hostile.tried(
      ['isHostId', `${name}`],
      isHostId(name) && (inherited.includes(name) || !/^[A-Za-z0-9]/.test(name)),
    );
  }
  for (const value of [
    undefined,
    null,
    1,
    true,
    {},
    [],
    ['a'],
    { toString: () => 'a' },
    new Date(),
  ])
    hostile.tried(['isHostname', value], isHostname(value) || isHostId(value));
  expect(good.filter((name) => !isHostname(name))).toEqual([]);
  expect(bad.filter(isHostname)).toEqual([]);
});

test('the environment gives this host none of them', () => {
  // What every object has is refused where the name is used.
  for (const name of bad.filter((one) => one !== '' && !inherited.includes(one))) {
    const taken = ((): boolean => {
      try {
        return (
          resolveConfig({ environment: { HOME: '/home/app', SYNCMEDIA_HOSTNAME: name } }).init
            .hostname !== undefined
        );
      } catch {
        return false;
      }
    })();
    hostile.tried(['SYNCMEDIA_HOSTNAME', name], taken && name.trim() !== '');
  }
});

test('a row with such a name, or such an id, makes a host that is pending, without the name', () => {
  const seals = new Seals();
  for (const name of [...bad, null, 1, {}, ['a']] as string[]) {
    const named = seals.readHost(makeRow('a', { hostname: name })),
      known = seals.readHost({ ...makeRow('a'), _id: name });
    hostile.tried(['hostname of a row', name], named.status !== 'pending' || named.hostname !== '');
    hostile.tried(['id of a row', name], !isHostId(name) && known.status !== 'pending');
    expect(named).toMatchObject({ status: 'pending', hostname: '' });
  }
  expect(seals.readHost(makeRow('a')).status).toBe('approved');
});

test('a name as a key of a row finds only stored fields', () => {
  const empty = toHost(makeRow('a', { scans: {}, removals: {}, unnamed: {}, unsyncable: {} }));
  for (const name of inherited) {
    for (const record of [
      empty.rescans,
      empty.halted,
      empty.scans,
      empty.removals,
      empty.unnamed,
      empty.unsyncable,
    ])
      hostile.tried(name, (record as Record<string, unknown>)[name]);
  }
  const stored = toHost(
    makeRow('a', {
      rescans: {
        __proto__x: new Date(1),
        constructor: new Date(2),
        ['__proto__']: new Date(3),
      } as unknown as Record<string, Date>,
    }),
  );
  expect(stored.rescans['constructor']).toEqual(new Date(2));
  expect(Object.getPrototypeOf(stored.rescans)).toBeNull();
});

describe('a host', () => {
  const token = randomBytes(24).toString('hex');
  let site: Site, one: Machine, web: Web;
  beforeAll(async () => {
    site = await openSite({ hosts: ['one', 'two'] });
    one = site.machines[0] as Machine;
    web = await startWeb((app) => {
      app.use(one.app.sync.admin({ token }));
    });
  });
  afterAll(async () => {
    await web.close();
    await site.close();
  });
  const hostnames = async (): Promise<string[]> =>
    (await one.app.sync.hosts.list()).map(({ hostname }) => hostname).sort();

  test('gets none of them by init, by the router, by the command line, by an edit or as a passive host', async () => {
    const { sync } = one.app;
    const [hostKey = ''] = one.ssh.hostPublicKeys;
    type Call = [what: string, isTaken: (name: string) => Promise<boolean>];
    const call = (what: string, asking: (name: string) => Promise<unknown>): Call => [
      what,
      (name) =>
        asking(name).then(
          () => true,
          (error: unknown) => (error as { code?: string }).code !== 'BAD_OPTION',
        ),
    ];
    const send = (method: 'post' | 'patch', path: string, body: object): Call => [
      `${method} ${path}`,
      async (hostname) => {
        const { status } = await request(web.url)
          [method](path)
          .set('Authorization', `Bearer ${token}`)
          .send({ ...body, hostname });
        return status !== 400;
      },
    ];
    const command = (...args: string[]): Call => [
      `syncmedia ${args.join(' ')}`,
      async (name) => (await runInProcess(sync, [...args, '--hostname', name])).error === undefined,
    ];
    const ways = [
      [
        call('init', (hostname) => sync.hosts.init({ hostname })),
        call('add', (hostname) =>
          sync.hosts.add(
            { hostname, url: 'nas.example', root: '/srv/nas', hostKey },
            { remote: true },
          ),
        ),
        call('edit this host', (hostname) => sync.hosts.edit('one', { hostname })),
        call('edit another host', (hostname) => sync.hosts.edit('two', { hostname })),
      ],
      [
        send('post', '/hosts/init', {}),
        send('post', '/hosts', { url: 'nas.example', root: '/srv/nas', hostKey }),
        send('patch', '/hosts/one', {}),
        send('patch', '/hosts/two', {}),
      ],
      [
        command('init'),
        command(
          'hosts',
          'add',
          '--root',
          '/srv/nas',
          '--url',
          'nas.example',
          '--fingerprint',
          `SHA256:${'A'.repeat(43)}`,
        ),
        command('hosts', 'edit', 'one'),
        command('hosts', 'edit', 'two'),
      ],
    ];
    const isAsked = new Set<string>();
    // All of these ask the one rule that is tried above with every name. Here each call is given
    // names of every class, and each name another call of every way.
    for (const [of, names] of Object.entries(classes)) {
      for (const [index, name] of names.entries()) {
        for (const [shift, calls] of ways.entries()) {
          for (const [what, isTaken] of names.length < calls.length
            ? calls
            : calls.filter((_, at) => at === (index + shift) % calls.length)) {
            hostile.tried([what, name], await isTaken(name));
            isAsked.add(`${what}: ${of}`);
          }
        }
      }
      expect(await hostnames(), of).toEqual(['one', 'two']);
    }
    expect(isAsked.size).toBe(ways.flat().length * Object.keys(classes).length);
  }, 120_000);
});
