import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { systemdAnalyze, verifyUnit } from '../docs/verify-unit.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { secret } from './balanced-site.js';
import { get, uploadPicture } from './load.js';
import { imitateSandbox } from './sandbox.js';
import { SiteApp } from './site-app.js';

const run = promisify(execFile);
const unit = readFileSync(new URL('../../examples/systemd/site.service', import.meta.url), 'utf8');
const bwrap = await findTestProgram('bwrap');

test.skipIf(systemdAnalyze === undefined)(
  'systemd accepts the unit of examples/systemd' +
    (systemdAnalyze === undefined ? ' (skipped: systemd-analyze is missing)' : ''),
  async () => {
    expect(await verifyUnit(unit)).toBe('');
    const faulty = unit.replace('PrivateTmp=yes', 'PrivateTmp=perhaps');
    expect(await verifyUnit(faulty)).toContain('perhaps');
  },
);

describe.skipIf(bwrap === undefined)(
  'in the sandbox of examples/systemd (where there is no bwrap: node scripts/setup.mjs --for tests)',
  () => {
    let site: Site, confined: SiteApp, other: SiteApp, sandbox: string[], one: Machine;
    beforeAll(async () => {
      site = await openSite({ hosts: ['one', 'two'], environment: secret });
      const [first, two] = site.machines as [Machine, Machine];
      one = first;
      for (const machine of [one, two]) await machine.app.close();
      const program = SiteApp.program();
      sandbox = imitateSandbox(unit, {
        root: one.ssh.root,
        stateDir: one.ssh.stateDir,
        keysDir: dirname(one.ssh.authorizedKeysFile),
        readable: [dirname(dirname(program)), join(process.cwd(), 'node_modules')],
      });
      confined = await SiteApp.start(one, site.database.uri, (command, args) => [
        bwrap ?? '',
        [...sandbox, command, ...args],
      ]);
      other = await SiteApp.start(two, site.database.uri);
    }, 240_000);
    afterAll(async () => {
      await confined.end('SIGKILL');
      await other.end('SIGKILL');
      await site.close();
    }, 60_000);

    test('uploads reach the other host, and its uploads arrive', async () => {
      const files: string[] = [];
      for (const [from, to] of [
        [confined, other],
        [other, confined],
      ] as const)
        for (const content of ['small', 'x'.repeat(3 * 1024 * 1024)]) {
          const { status, body } = await uploadPicture(from.url, Buffer.from(content));
          expect([status, body.toString()]).toEqual([201, expect.any(String)]);
          const { file } = JSON.parse(body.toString()) as { file: string };
          const got = await get(`${to.url}/${file}`);
          expect([got.status, got.body.toString() === content]).toEqual([200, true]);
          files.push(file);
        }
      for (const machine of site.machines) machine.app = await machine.startApp({ start: false });
      await untilNothingPending(site, 60_000);
      for (const { tree } of site.machines) {
        const held = Object.keys(await tree());
        expect(files.filter((file) => !held.includes(file))).toEqual([]);
      }
    });

    test('nothing else can be written', async () => {
      const write = async (folder: string): Promise<boolean> => {
        const file = join(folder, 'written');
        await run(bwrap ?? '', [...sandbox, 'touch', file], { timeout: 20_000 }).catch(() => '');
        // In the private /tmp it exists for the sandbox alone.
        return existsSync(file);
      };
      expect(await write(one.path(dir))).toBe(true);
      expect(await write(one.ssh.stateDir)).toBe(true);
      for (const folder of [one.ssh.root, one.ssh.dir, process.cwd(), '/etc', '/usr', '/var'])
        expect([folder, await write(folder)]).toEqual([folder, false]);
    });
  },
);
