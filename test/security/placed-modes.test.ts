import { execFile } from 'node:child_process';
import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import {
  changeOf,
  makeSite,
  never,
  photos,
  put,
  results,
  type Site as Pair,
} from '../transport/site.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { gateIsMissing } from '../gate/confined.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { until } from '../harness/wait.js';
import { findSpecial } from './find-special.js';

const run = promisify(execFile);
const hostile = countHostileInputs();
const special = [0o4755, 0o2755, 0o1755, 0o7777];

/**
 * A delivery places files as their receiver wants them, whatever they are where they come from: a
 * passive host has no gate.
 */
describe.each([
  ['a host without a gate', false],
  ['a host with a gate', true],
] as const)('files with special modes, between this host and %s,', (_which, confined) => {
  let site: Pair;
  beforeAll(async () => {
    site = await makeSite(createRsyncBackend, { confined });
  });
  afterAll(() => site.close());

  test.skipIf(confined && gateIsMissing !== undefined).each([
    { direction: 'send', chmod: 'F644', limit: 1024 },
    { direction: 'send', chmod: 'F644', limit: 0 },
    { direction: 'send', chmod: 'Fu=rw,Fgo=r', limit: 0 },
    { direction: 'send', chmod: 'F4755', limit: 1024 },
    { direction: 'send', chmod: 'F7755', limit: 0 },
    { direction: 'send', chmod: 'ug+s,o+t', limit: 0 },
    { direction: 'fetch', chmod: 'F644', limit: 0 },
    { direction: 'fetch', chmod: 'Fu=rw,Fgo=r', limit: 0 },
    { direction: 'fetch', chmod: 'F7755', limit: 0 },
  ] as const)(
    '$direction with SYNCMEDIA_CHMOD=$chmod, by SFTP up to $limit bytes, arrive without them',
    async ({ direction, chmod: rule, limit }) => {
      // It has nothing of its own that would have to be closed.
      const backend = createRsyncBackend({ ...site.options, chmod: rule, smallFileLimit: limit });
      const [from, to] =
        direction === 'send' ? [site.here, site.rootThere] : [site.rootThere, site.here];
      const names = special.map(
        (mode) => `${photos.path}/${direction}-${rule}-${String(limit)}-${mode.toString(8)}.jpg`,
      );
      for (const [index, name] of names.entries()) {
        await put(from, name, name);
        await chmod(join(from, name), special[index] ?? 0);
      }
      const changes = await Promise.all(names.map((name) => changeOf(from, name)));
      expect(await results(backend[direction](site.host, changes, never))).toEqual(
        Object.fromEntries(names.map((name) => [name, 'delivered'])),
      );
      const found = (await findSpecial(to)).filter(({ path }) =>
        names.some((name) => path.endsWith(name)),
      );
      hostile.triedAll(names, found);
      expect(found).toEqual([]);
    },
  );
});

describe('on this host', () => {
  let site: Site, one: Machine;
  beforeAll(async () => {
    site = await openSite({ hosts: ['one'] });
    one = site.machines[0] as Machine;
  });
  afterAll(() => site.close());

  test('nothing that is restored from the trash or the conflicts has a special mode', async () => {
    for (const area of ['trash', 'conflicts'] as const) {
      for (const mode of special) {
        const name = `${area}-${mode.toString(8)}.jpg`,
          keptAs = `.syncmedia/${area}/planted/${name}`;
        await one.write(`${dir}/${keptAs}`, 'planted');
        await chmod(one.path(`${dir}/${keptAs}`), mode);
        await one.app.sync.recoverable.restore(dir, keptAs);
        const { mode: restored } = await lstat(one.path(`${dir}/${name}`));
        hostile.tried(keptAs, (restored & 0o7000) !== 0);
        expect((restored & 0o7777).toString(8)).toBe((mode & 0o777).toString(8));
      }
    }
  });

  test('a FIFO and a device are reported, block nothing, and are sent to no host', async () => {
    await mkdir(one.path(`${dir}/odd`));
    const fifo = `${dir}/odd/fifo.jpg`,
      made = [fifo];
    await run('mkfifo', [one.path(fifo)]);
    if (process.getuid?.() === 0) {
      await run('mknod', [one.path(`${dir}/odd/device.jpg`), 'c', '1', '5']);
      made.push(`${dir}/odd/device.jpg`);
    }
    await mkdir(one.path(`${dir}/.syncmedia/conflicts/odd`), { recursive: true });
    await mkdir(one.path(`${dir}/.syncmedia/trash/odd`), { recursive: true });
    await mkdir(one.path(`${dir}/.syncmedia/replaced/odd`), { recursive: true });
    for (const area of ['conflicts', 'trash', 'replaced'])
      await run('mkfifo', [one.path(`${dir}/.syncmedia/${area}/odd/fifo.jpg`)]);
    await writeFile(one.path(`${dir}/plain.jpg`), 'plain');
    const { sync, Photo } = one.app;
    // A save that names it, a push, a scan, a verification, a visitor, a person.
    for (const path of made) await Photo.create({ title: 'odd', file: path });
    expect(await sync.runs.follow((await sync.push()).id)).toMatchObject({ state: 'done' });
    expect(await sync.runs.follow((await sync.verify()).id)).toMatchObject({ state: 'done' });
    const app = express().use('/uploads/photos', sync.serve(dir));
    for (const path of made) {
      const { status } = await request(app).get(`/${path}`);
      hostile.tried(['visitor', path], status === 200);
      expect(status).toBe(404);
    }
    for (const area of ['conflicts', 'trash']) {
      const keptAs = `.syncmedia/${area}/odd/fifo.jpg`;
      const answer = await sync.recoverable.restore(dir, keptAs).then(
        () => 'restored',
        (error: unknown) => (error as { code?: string }).code,
      );
      hostile.tried(['restore', keptAs], answer === 'restored');
      expect(answer).toBe('BAD_PATH');
    }
    await untilNothingPending(site);
    const unsyncable = async () => (await sync.status()).hosts[0]?.unsyncable?.[dir];
    await until(async () => (await unsyncable())?.count === made.length, {
      timeout: 30_000,
      what: 'the status tells them',
    });
    expect((await unsyncable())?.examples.map(({ path, why }) => [path, why]).sort()).toEqual(
      made.map((path) => [path, 'it is a FIFO, a socket or a device']).sort(),
    );
  });
});
