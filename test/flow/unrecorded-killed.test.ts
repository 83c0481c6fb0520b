import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createAdmin } from '../../src/admin/create-admin.js';
import { gateIsMissing } from '../gate/confined.js';
import { compileProgram } from '../harness/compile.js';
import { until } from '../harness/wait.js';
import { hasBrowser, launchBrowser, openPage, orInstall, showView } from '../page/browser.js';
import { startWeb } from '../serving/web.js';
import { dir, openSite, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const program = new URL('saving-app.ts', import.meta.url);
const file = `${dir}/unrecorded.jpg`;
const token = 'a-token-of-these-tests-0123456789abcdef';
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe.skipIf(gateIsMissing !== undefined)('SIGKILL between a delivery and its record', () => {
  let site: Site, one: Machine, two: Machine;

  const countUnrecorded = async (): Promise<number | undefined> => {
    const { hosts } = await two.app.sync.status();
    return hosts.find(({ hostname }) => hostname === 'one')?.history?.unrecorded;
  };

  beforeAll(async () => {
    site = await openSite({ hosts: ['one', 'two'], environment: { SYNCMEDIA_BACKEND: 'git' } });
    [one, two] = site.machines as [Machine, Machine];
    await until(async () => (await countUnrecorded()) === 0);
    await one.app.close();
    // git does not come to an end as long as the process lives, so that dies before the record.
    const programs = join(one.ssh.dir, 'slow');
    await mkdir(programs);
    await writeFile(
      join(programs, 'git'),
      '#!/bin/sh\nwhile kill -0 $PPID; do sleep 0.1; done 2>/dev/null\n',
      { mode: 0o755 },
    );
    await one.write(file, 'unrecorded');
    const child = spawn(
      process.execPath,
      [compileProgram(program), site.database.uri, dir, file, 'leads'],
      {
        env: {
          ...process.env,
          ...one.environment,
          PATH: `${programs}:${process.env['PATH'] ?? ''}`,
        },
        stdio: ['pipe', 'ignore', 'inherit'],
      },
    );
    const ended = new Promise((resolve) => child.on('close', resolve));
    try {
      await until(async () => (await two.read(file)) === 'unrecorded', { timeout: 60_000 });
      await until(async () => (await countUnrecorded()) === 1, { timeout: 60_000 });
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(() => site.close());

  test('status and overview of another host tell how many versions are not recorded yet', async () => {
    expect(await countUnrecorded()).toBe(1);
    await until(async () => {
      const { hosts } = await two.app.sync.overview();
      return hosts.find(({ hostname }) => hostname === 'one')?.history?.unrecorded.count === 1;
    });
  });

  test.skipIf(!hasBrowser)(`the page shows it ${orInstall}`, async () => {
    const web = await startWeb((app) => {
      app.use('/sync-admin', createAdmin(two.app.sync, { token, log: silent }));
    });
    const browser = await launchBrowser();
    try {
      const { page } = await openPage(browser, `${web.url}/sync-admin/`);
      await page.getByLabel('Token').fill(token);
      await page.getByLabel('Your name').fill('ada');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await showView(page, '#/hosts/one', /^one /);
      await page.getByText('1 version is not recorded yet').waitFor({ timeout: 60_000 });
    } finally {
      await browser.close();
      await web.close();
    }
  });

  test('the next process records it', async () => {
    one.app = await one.startApp();
    await until(async () => (await countUnrecorded()) === 0, { timeout: 60_000 });
    await until(async () => (await two.app.sync.history.list(file)).length === 1);
  });
});
