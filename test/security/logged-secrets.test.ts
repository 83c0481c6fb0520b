import { readFile, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { until } from '../harness/wait.js';

const secret = `sealing-${randomBytes(16).toString('hex')}`;
const token = `token-${randomBytes(24).toString('hex')}`;
const password = `password-${randomBytes(8).toString('hex')}`;

let site: Site, one: Machine, two: Machine;
const said: string[] = [];
const say =
  (level: string) =>
  (message: string): void =>
    void said.push(`${level}: ${message}`);

beforeAll(async () => {
  site = await openSite({
    hosts: ['one', 'two'],
    environment: {
      SYNCMEDIA_SECRET: secret,
      SYNCMEDIA_ADMIN_TOKEN: token,
      SYNCMEDIA_MONGODB_URI: `mongodb://app:${password}@db.example.com/app`,
      SYNCMEDIA_RELOAD_COMMAND: `/bin/false --password ${password}`,
    },
    sync: {
      log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
    },
  });
  [one, two] = site.machines as [Machine, Machine];
}, 120_000);
afterAll(() => site.close());

describe('the log of a site in which much fails', () => {
  beforeAll(async () => {
    const save = async (name: string, content = name): Promise<void> => {
      await one.write(`${dir}/${name}`, content);
      await one.app.Photo.create({ title: name, file: `${dir}/${name}` });
    };
    const untilSaid = (pattern: RegExp): Promise<unknown> =>
      until(() => said.some((line) => pattern.test(line)), { what: String(pattern) });

    await save('delivered.jpg');
    await save('large.bin', 'x'.repeat(2 * 1024 * 1024));
    await untilSaid(/delivered .*large\.bin.* by rsync/);

    const app = express().use('/admin', one.app.sync.admin());
    await request(app).get('/admin/status').set('Authorization', `Bearer ${token}x`).expect(401);
    await request(app).get('/admin/status').set('Authorization', `Bearer ${token}`).expect(200);

    // Nothing listens.
    await two.ssh.stop();
    await save('unreachable.jpg');
    await untilSaid(/host two: HOST_UNREACHABLE/);
    await one.app.sync.pull({ hosts: ['two'] });
    await untilSaid(/the pull requested by .* failed/);
    await two.ssh.start();
    await untilSaid(/host two works again/);

    // Its key is refused.
    const keys = await readFile(two.ssh.authorizedKeysFile, 'utf8');
    await writeFile(two.ssh.authorizedKeysFile, '');
    await two.ssh.stop();
    await two.ssh.start();
    await save('refused.jpg');
    await untilSaid(/host two: AUTH_FAILED/);
    await writeFile(two.ssh.authorizedKeysFile, keys);
    await untilSaid(/host two works again/);

    // Something is in the way of one file.
    await two.write(`${dir}/blocked.jpg/inside.jpg`, 'a directory');
    await save('blocked.jpg');
    await untilSaid(/blocked\.jpg" is blocked to host two/);
    await rm(two.path(`${dir}/blocked.jpg`), { recursive: true });

    // The sync dir is not mounted.
    await rm(two.path(`${dir}/.syncmedia/id`));
    await save('unmounted.jpg');
    await untilSaid(/NO_MARKER/);
  }, 120_000);

  test('has details, warnings and recoveries', () => {
    for (const level of ['debug', 'info', 'warn'])
      expect(said.some((line) => line.startsWith(`${level}: `))).toBe(true);
    expect(
      said
        .filter((line) => /^warn: host two: /.test(line))
        .every((line) => /Remedy: .*Next try: /.test(line)),
    ).toBe(true);
  });

  test('has no secret, token, password or key', async () => {
    const keyLines = await Promise.all(
      [one, two].flatMap(({ ssh }) =>
        [ssh.privateKeyFile, ssh.publicKeyFile].map((file) => readFile(file, 'utf8')),
      ),
    );
    const secrets = [
      secret,
      token,
      password,
      ...keyLines.flatMap((text) => text.match(/[A-Za-z0-9+/]{40,}/g) ?? []),
    ];
    expect(secrets.length).toBeGreaterThan(8);
    const leaks = said.filter((line) => secrets.some((one) => line.includes(one)));
    expect(leaks).toEqual([]);
    expect(said.filter((line) => /PRIVATE KEY|mongodb:\/\/[^/]*@/.test(line))).toEqual([]);
  });

  test('has no command line of ssh or rsync', () => {
    expect(said.filter((line) => /\b(ssh|rsync)\b[^"]*\s-(-|[a-z]\b)|-o \w+=/.test(line))).toEqual(
      [],
    );
  });
});
