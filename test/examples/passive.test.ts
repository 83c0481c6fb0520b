import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { formatFingerprint } from '../../src/util/public-key.js';
import { runCli } from '../cli/run-cli.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import type { Daemon } from '../harness/daemon.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { startNginx } from '../serving/nginx.js';
import { adapt, internalPaths, secret } from './balanced-site.js';
import { get } from './load.js';

const nginxProgram = await findTestProgram('nginx');
const example = (file: string): string =>
  readFileSync(new URL(`../../examples/passive/${file}`, import.meta.url), 'utf8');
/** The lines of the example that hold for its user. */
const settings = example('sshd.conf')
  .split('\n')
  .filter((line) => line.startsWith('    '))
  .map((line) => line.trim());

describe.skipIf(nginxProgram === undefined)(
  'examples/passive (where there is no nginx: node scripts/setup.mjs --for tests)',
  () => {
    let site: Site, one: Machine, passive: TestHost, nginx: Daemon;
    beforeAll(async () => {
      site = await openSite({ hosts: ['one', 'two'], environment: secret });
      [one] = site.machines as [Machine, Machine];
      passive = await startHost({ name: 'static', settings });
      await mkdir(`${passive.root}/${dir}`, { recursive: true });
      for (const { ssh } of site.machines) await passive.trust(ssh.publicKey);
      nginx = await startNginx(nginxProgram ?? '', (port) =>
        adapt(example('static.conf'), {
          'listen 8080;': `listen 127.0.0.1:${String(port)};`,
          '/srv/media': passive.root,
        }),
      );
    }, 120_000);
    afterAll(async () => {
      await nginx.close();
      await passive.close();
      await site.close();
    });

    async function save(machine: Machine, name: string): Promise<void> {
      await machine.write(`${dir}/${name}`, `bytes of ${name}`);
      await machine.app.Photo.create({ title: name, file: `${dir}/${name}` });
    }

    async function run(...args: string[]): Promise<void> {
      const result = await runCli(args, {
        env: { ...one.environment, SYNCMEDIA_MONGODB_URI: site.database.uri },
      });
      expect(result.code, `${args.join(' ')}\n${result.stdout}${result.stderr}`).toBe(0);
    }

    const getUpload = async (name: string): Promise<string> => {
      const { status, body } = await get(`http://127.0.0.1:${String(nginx.port)}/${dir}/${name}`);
      return status === 200 ? body.toString() : String(status);
    };

    test('it gets old and new files, and those that were saved while it was down', async () => {
      await save(one, 'old.jpg');
      await untilNothingPending(site);
      await run(
        ...['hosts', 'add', '--hostname', 'static', '--root', passive.root],
        ...['--url', '127.0.0.1', '--port', String(passive.port), '--username', passive.username],
        ...['--sync-dirs', dir],
        ...['--fingerprint', formatFingerprint(passive.hostPublicKeys[0] ?? '')],
      );
      await run('push', '--host', 'static');
      for (const [index, machine] of site.machines.entries())
        await save(machine, `new-${String(index)}.jpg`);
      await untilNothingPending(site, 60_000);
      await passive.stop({ hard: true });
      await save(one, 'while-down.jpg');
      expect(await getUpload('while-down.jpg')).toBe('404');
      await passive.start();
      await untilNothingPending(site, 60_000);
      for (const name of ['old.jpg', 'new-0.jpg', 'new-1.jpg', 'while-down.jpg'])
        expect(await getUpload(name)).toBe(`bytes of ${name}`);
    });

    test('nginx serves its files with nosniff, and nothing of .syncmedia', async () => {
      const url = `http://127.0.0.1:${String(nginx.port)}`;
      const found = await get(`${url}/${dir}/old.jpg`);
      expect([found.status, found.headers['x-content-type-options']]).toEqual([200, 'nosniff']);
      for (const path of [...internalPaths, `/${dir}/nothing.jpg`, `/${dir}/`]) {
        const { status, headers } = await get(`${url}${path}`);
        expect([path, status, headers['cache-control']]).toEqual([path, 404, 'no-store']);
      }
    });
  },
);
