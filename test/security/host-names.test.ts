import { randomBytes } from 'node:crypto';
import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toHost } from '../../src/hosts/host-model.js';
import { isHostId, isHostname } from '../../src/hosts/host-name.js';
import { Seals } from '../../src/hosts/seal.js';
import { resolveConfig } from '../../src/options/resolve-config.js';
import { openSite, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { makeRow } from '../hosts/rows.js';
import { runInProcess } from './cli.js';

const hostile = countHostileInputs();
const inherited = Object.getOwnPropertyNames(Object.prototype);
/** Names that no host may have. */
const bad = [...new Set([
  ...inherited, ...inherited.map((name) => `.${name}`), ...inherited.map((name) => `${name}.`), 'prototype.', '$where', '$set', 'a.$.b', '__proto__.x', 'x.__proto__', '_x', '-x', '--', '-oProxyCommand=x', '.', '..', '...', '.a', 'a.', 'a..b', 'a.-b', 'a._b',
  '/', 'a/b', '../x', 'a\\b', '', ' ', ' a', 'a ', 'a b', 'a\tb', 'a\nb', 'a\r', 'a\0', '\0', 'a;b', 'a|b', 'a&b', '$(x)', '`x`', 'a"b', "a'b", 'a,b', 'a:b', '[::1]', 'a@b', 'a%b', '%00', '*', '?', '~', '~root', '#a', 'a#', '<b>', '=1+1', '+a', '@a',
  'é', 'е', '名', '\u202eabc', 'a\u200bb', '\ufeffa', 'ａ', '\ud800', 'a'.repeat(254), `${'a.'.repeat(130)}a`, '{}', '[]', '[object Object]', 'a\u0000b',
])];
const good = ['a', 'A1', 'web-1', 'web_1', 'web-1.example.com', '127.0.0.1', 'a'.repeat(253), 'prototype', 'null', 'undefined', '0'];

test('names of hosts are letters, digits, _ and - in labels, and none that every object has', () => {
  for (const name of bad) {
    hostile.tried(['isHostname', name], isHostname(name));
    hostile.tried(['isHostId', `${name}`], isHostId(name) && (inherited.includes(name) || !/^[A-Za-z0-9]/.test(name)));
  }
  for (const value of [undefined, null, 1, true, {}, [], ['a'], { toString: () => 'a' }, new Date()]) hostile.tried(['isHostname', value], isHostname(value) || isHostId(value));
  expect(good.filter((name) => !isHostname(name))).toEqual([]);
  expect(bad.filter(isHostname)).toEqual([]);
});

test('the environment gives this host none of them', () => {
  // What every object has is refused where the name is used.
  for (const name of bad.filter((one) => one !== '' && !inherited.includes(one))) {
    const taken = ((): boolean => { try { return resolveConfig({ environment: { HOME: '/home/app', SYNCMEDIA_HOSTNAME: name } }).init.hostname !== undefined; } catch { return false; } })();
    hostile.tried(['SYNCMEDIA_HOSTNAME', name], taken && name.trim() !== '');
  }
});

test('a row with such a name, or such an id, makes a host that is pending, without the name', () => {
  const seals = new Seals();
  for (const name of [...bad, null, 1, {}, ['a']] as string[]) {
    const named = seals.read(makeRow('a', { hostname: name })), known = seals.read({ ...makeRow('a'), _id: name });
    hostile.tried(['hostname of a row', name], named.status !== 'pending' || named.hostname !== '');
    hostile.tried(['id of a row', name], !isHostId(name) && known.status !== 'pending');
    expect(named).toMatchObject({ status: 'pending', hostname: '' });
  }
  expect(seals.read(makeRow('a')).status).toBe('approved');
});

test('what a row keeps by a name finds nothing that was not stored', () => {
  const empty = toHost(makeRow('a', { scans: {}, removals: {}, unnamed: {}, unsyncable: {} }));
  for (const name of inherited) {
    for (const record of [empty.sweeps, empty.halted, empty.scans, empty.removals, empty.unnamed, empty.unsyncable]) hostile.tried(name, (record as Record<string, unknown>)[name]);
  }
  const stored = toHost(makeRow('a', { sweeps: { __proto__x: new Date(1), constructor: new Date(2), ['__proto__']: new Date(3) } as unknown as Record<string, Date> }));
  expect(stored.sweeps['constructor']).toEqual(new Date(2));
  expect(Object.getPrototypeOf(stored.sweeps)).toBeNull();
});

describe('a host', () => {
  const token = randomBytes(24).toString('hex');
  let site: Site, one: Machine;
  beforeAll(async () => {
    site = await openSite({ hosts: ['one', 'two'] });
    one = site.machines[0] as Machine;
  });
  afterAll(() => site.close());
  const names = async (): Promise<string[]> => (await one.app.sync.hosts.list()).map(({ hostname }) => hostname).sort();

  test('gets none of them by init, by the router, by the command line, by an edit or as a passive host', async () => {
    const { sync } = one.app, app = express().use(sync.admin({ token }));
    const send = (method: 'post' | 'patch', path: string, body: object) => request(app)[method](path).set('Authorization', `Bearer ${token}`).send(body);
    const [hostKey = ''] = one.ssh.hostPublicKeys;
    const isTaken = (asking: Promise<unknown>): Promise<boolean> => asking.then(() => true, (error: unknown) => (error as { code?: string }).code !== 'BAD_OPTION');
    for (const name of bad) {
      hostile.tried(['init', name], await isTaken(sync.hosts.init({ hostname: name })));
      hostile.tried(['add', name], await isTaken(sync.hosts.add({ hostname: name, url: 'nas.example', root: '/srv/nas', hostKey }, { remote: true })));
      hostile.tried(['edit this host', name], await isTaken(sync.hosts.edit('one', { hostname: name })));
      hostile.tried(['edit another host', name], await isTaken(sync.hosts.edit('two', { hostname: name })));
      for (const [method, path, body] of [
        ['post', '/hosts/init', {}], ['post', '/hosts', { url: 'nas.example', root: '/srv/nas', hostKey }], ['patch', '/hosts/two', {}], ['patch', '/hosts/one', {}],
      ] as const) {
        const { status } = await send(method, path, { ...body, hostname: name });
        hostile.tried([method, path, name], status !== 400);
      }
      for (const args of [['init'], ['hosts', 'add', '--root', '/srv/nas', '--url', 'nas.example', '--fingerprint', `SHA256:${'A'.repeat(43)}`], ['hosts', 'edit', 'two'], ['hosts', 'edit', 'one']]) {
        const { error } = await runInProcess(sync, [...args, '--hostname', name]);
        hostile.tried([...args, name], error === undefined);
      }
      expect(await names()).toEqual(['one', 'two']);
    }
  }, 120_000);
});
