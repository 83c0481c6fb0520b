import { rename, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { Schema } from 'mongoose';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { createAdmin } from '../../src/admin/create-admin.js';
import { createSyncMedia } from '../../src/instance/create.js';
import {
  dir,
  openSite,
  threeOf,
  untilNothingPending,
  type Machine,
  type Site,
} from '../flow/site.js';
import { testDatabase } from '../harness/database.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { startNginx } from '../serving/nginx.js';
import { startWeb, type Web } from '../serving/web.js';
import {
  findViolations,
  hasBrowser,
  launchBrowser,
  measureSideways,
  openPage,
  orInstall,
  phone,
  showView,
  type WatchedPage,
} from './browser.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const token = 'a-token-of-these-tests-0123456789abcdef';
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const nginx = await findTestProgram('nginx');
const keptAs = '.syncmedia/conflicts/0m2abcdef-0123456789abcdef';

/** The page over three real hosts; one story, in order. */
describe.skipIf(!hasBrowser)(`the page of a real site ${orInstall}`, () => {
  let site: Site, one: Machine, two: Machine, three: Machine;
  const streams = new Set<ServerResponse>();
  let isCut = false;
  let webs: Web[], browser: Browser, watched: WatchedPage, page: Page;

  beforeAll(async () => {
    site = await openSite({ plugin: { onDelete: 'propagate' } });
    [one, two, three] = threeOf(site);
    webs = await Promise.all(
      [one, two, three].map(({ app: { sync } }) =>
        startWeb((app) => {
          app.use((_request, response, next) => {
            response.set('Content-Security-Policy', "default-src 'none'");
            next();
          });
          app.use('/sync-admin/events', (_request, response, next) => {
            if (isCut) {
              response.destroy();
              return;
            }
            streams.add(response);
            response.on('close', () => streams.delete(response));
            next();
          });
          app.use(
            '/sync-admin',
            createAdmin(sync, {
              token,
              authorize: ({ headers }) => headers['x-owner'] === 'yes' && 'approve',
              log: silent,
            }),
          );
        }),
      ),
    );
    browser = await launchBrowser();
    watched = await openPage(browser, addressOf(0));
    page = watched.page;
  });
  afterAll(async () => {
    await browser?.close();
    for (const web of webs ?? []) await web.close();
    await site?.close();
  });

  const addressOf = (index: number): string => `${webs[index]?.url ?? ''}/sync-admin/`;
  const save = async (machine: Machine, name: string, content = name): Promise<string> => {
    const file = `${dir}/${name}`;
    await machine.write(file, content);
    await machine.app.Photo.create({ title: name, file });
    return file;
  };
  const arrives = (machine: Machine, file: string): Promise<unknown> =>
    until(async () => (await machine.read(file)) !== undefined, { timeout: 30_000 });
  const signIn = async (): Promise<void> => {
    await page.getByLabel('Token').fill(token);
    await page.getByLabel('Your name').fill('ada');
    await page.getByRole('button', { name: 'Sign in' }).click();
  };

  test('asks for the token, and shows the site', async () => {
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await signIn();
    await page.getByRole('heading', { name: 'Everything is everywhere' }).waitFor();
    await page.getByText('Signed in as ada').waitFor();
    expect(await page.locator('.grid tbody th').allTextContents()).toEqual(
      ['one', 'two', 'three'].sort(),
    );
  });

  test('a save is shown as it happens', async () => {
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
    const file = await save(one, 'cat.jpg');
    await page.getByText('about 1 file.').waitFor();
    await arrives(three, file);
  });

  test('a file is found by its path and by its document', async () => {
    const photo = await one.app.Photo.findOne({ title: 'cat.jpg' });
    await untilNothingPending(site);
    await page.keyboard.press('/');
    await until(async () => (await page.locator(':focus').getAttribute('id')) === 'q');
    await page.keyboard.type(`Photo ${String(photo?._id)}`);
    await page.keyboard.press('Enter');
    await page.getByRole('table').getByText('cat.jpg').waitFor();
    await page.getByText('has it').waitFor();
    await showView(page, `#/files?q=${encodeURIComponent(`${dir}/cat.jpg`)}`);
    await page.getByRole('table').getByText('cat.jpg').waitFor();
  });

  test('a host that stops is shown with cause and remedy, and returns', async () => {
    await showView(page, '#/', 'Everything is everywhere');
    await two.ssh.stop({ hard: true });
    const file = await save(one, 'late.jpg');
    await page.getByRole('heading', { name: 'two does not answer' }).waitFor({ timeout: 60_000 });
    await showView(page, '#/hosts/two', 'two does not answer');
    await page.getByRole('table', { name: 'What waits' }).getByText('late.jpg').waitFor();
    await page.getByRole('table', { name: 'Failures by sender' }).getByText('one').waitFor();
    await two.ssh.start();
    await arrives(two, file);
    await page.getByRole('heading', { name: 'two is up to date' }).waitFor({ timeout: 60_000 });
  });

  test('a pull is dry first, confirmed, and followed to its end on another host', async () => {
    await showView(page, '#/hosts/two', 'two is up to date');
    await rm(two.path(`${dir}/cat.jpg`));
    await page.getByRole('button', { name: 'Pull …' }).click();
    await page.getByRole('dialog').getByText('cat.jpg').first().waitFor();
    await page.getByRole('button', { name: 'Start the pull' }).click();
    await page.getByRole('heading', { name: 'Pull on two', exact: true }).waitFor();
    const { hash } = new URL(page.url());
    await page.goto(`${addressOf(2)}${hash}`);
    await page.getByRole('heading', { name: 'Pull on two', exact: true }).waitFor();
    await page.getByText('done.').waitFor();
    await arrives(two, `${dir}/cat.jpg`);
    await page.goto(addressOf(0));
  });

  test('a host is paused with a reason, and resumed', async () => {
    await showView(page, '#/hosts/three', 'three is up to date');
    await page.getByRole('button', { name: 'Pause …' }).click();
    await page.getByLabel(/The reason/).fill('disk swap');
    await page.getByRole('button', { name: 'Pause three' }).click();
    await page.getByRole('heading', { name: 'three is paused' }).waitFor();
    await page.getByText('disk swap').first().waitFor();
    await page.getByRole('button', { name: 'Resume' }).first().click();
    await page.getByRole('heading', { name: 'three is up to date' }).waitFor();
  });

  test('conflicts are decided either way', async () => {
    for (const name of ['used.pdf', 'dropped.pdf']) {
      const file = await save(one, name, 'current');
      await arrives(two, file);
      await untilNothingPending(site);
      await two.write(`${dir}/${keptAs}/${name}`, 'kept aside', 1_700_000_000);
    }
    await showView(page, '#/conflicts?host=two');
    const sectionOf = (name: string) => page.locator('section', { hasText: name });
    await sectionOf('used.pdf').getByRole('button', { name: 'Use this one …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Use this one' }).click();
    await until(async () => (await one.read(`${dir}/used.pdf`)) === 'kept aside');
    await sectionOf('dropped.pdf').getByRole('button', { name: 'Let it go …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Let it go' }).click();
    await sectionOf('dropped.pdf').waitFor({ state: 'detached' });
    expect(await one.read(`${dir}/dropped.pdf`)).toBe('current');
    expect(await two.listArea('trash')).toContain('dropped.pdf');
  });

  test('halted removals are approved by their number', async () => {
    for (let index = 0; index < 30; index++) await save(one, `many/${String(index)}.jpg`);
    await arrives(three, `${dir}/many/29.jpg`);
    await untilNothingPending(site);
    // All at once and first: a look at half of them would be too few to halt.
    await rename(one.path(`${dir}/many`), one.path('gone'));
    await one.app.Photo.deleteMany({ file: /many/ });
    await showView(page, '#/removals');
    await page
      .getByRole('button', { name: 'Remove them everywhere …' })
      .waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Remove them everywhere …' }).click();
    await page.getByLabel('Type 30 to confirm').fill('30');
    await page.getByRole('button', { name: 'Remove 30 files' }).click();
    await until(async () => (await three.read(`${dir}/many/0.jpg`)) === undefined, {
      timeout: 30_000,
    });
  });

  test('a stream that is interrupted goes on, with the saves of meanwhile', async () => {
    await showView(page, '#/');
    const { entries } = await one.app.sync.overview();
    await page.getByText(`about ${String(entries)} files`).waitFor();
    isCut = true;
    for (const stream of streams) stream.destroy();
    await page
      .getByText(/Not live|Every 10 s/)
      .first()
      .waitFor();
    await save(one, 'meanwhile.jpg');
    await untilNothingPending(site);
    isCut = false;
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor({ timeout: 60_000 });
    await page.getByText(`about ${String(entries + 1)} files`).waitFor();
  });

  test('a host that waits for approval is approved by its fingerprints, by somebody who may', async () => {
    const hosts = site.database.connection.collection('syncmedia_hosts');
    await hosts.updateOne({ hostname: 'three' }, { $set: { status: 'pending' } });
    await showView(page, '#/hosts/three', 'three waits for approval');
    await page.getByRole('button', { name: 'Compare its key …' }).click();
    await page.getByRole('dialog').getByText('npx syncmedia approve three').waitFor();
    await page.keyboard.press('Escape');
    const owner = await openPage(browser, `${addressOf(0)}#/hosts/three`, {
      extraHTTPHeaders: { 'x-owner': 'yes' },
    });
    try {
      await owner.page.getByRole('button', { name: 'Compare its key …' }).click();
      const dialog = owner.page.getByRole('dialog');
      await dialog
        .getByText(/SHA256:/)
        .first()
        .waitFor();
      await dialog.getByRole('button', { name: 'Approve three' }).click();
      await until(
        async () => (await hosts.findOne({ hostname: 'three' }))?.['status'] === 'approved',
      );
      expect([owner.errors, owner.foreign]).toEqual([[], []]);
    } finally {
      await owner.close();
    }
    await page.getByRole('heading', { name: 'three is up to date' }).waitFor({ timeout: 60_000 });
    await arrives(three, await save(one, 'after-approval.jpg'));
  });

  test('nothing moves while the view is paused, and all of it is there when it goes on', async () => {
    await showView(page, '#/', 'Everything is everywhere');
    await untilNothingPending(site);
    const count = page.getByText(/about \d+ files/);
    await page.keyboard.press('p');
    await page.getByRole('button', { name: /Paused/ }).waitFor();
    const before = await count.textContent();
    await save(one, 'during-the-pause.jpg');
    await untilNothingPending(site);
    await page.getByRole('button', { name: /Paused, \d+ changes? since/ }).waitFor();
    expect(await count.textContent()).toBe(before);
    await page.keyboard.press('p');
    await until(async () => (await count.textContent()) !== before, { timeout: 30_000 });
  });

  test.each([
    ['light', {}],
    ['dark on a phone', { viewport: phone, hasTouch: true, colorScheme: 'dark' }],
  ] as const)('every view is accessible and fits the screen: %s', async (_name, options) => {
    const other = await openPage(browser, addressOf(1), {
      ...options,
      extraHTTPHeaders: { 'x-owner': 'yes' },
    });
    try {
      const found: string[] = [];
      for (const hash of [
        '#/',
        '#/hosts/two',
        `#/files?q=${encodeURIComponent('cat.jpg')}`,
        '#/runs',
        '#/conflicts?host=two',
        '#/removals',
        '#/trash?host=two',
        '#/audit',
      ]) {
        await showView(other.page, hash);
        await other.page.waitForLoadState('networkidle', { timeout: 2_000 }).catch(() => undefined);
        for (const violation of await findViolations(other.page))
          found.push(`${hash} ${violation}`);
        expect([hash, await measureSideways(other.page)]).toEqual([hash, 0]);
      }
      expect(found).toEqual([]);
      expect([other.errors, other.foreign]).toEqual([[], []]);
    } finally {
      await other.close();
    }
  });

  test('everything was recorded under the name that was given', async () => {
    await showView(page, '#/audit', 'Audit');
    await page.getByRole('table').getByText('"ada" through the router').first().waitFor();
  });

  test('signing out ends it', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test.skipIf(nginx === undefined)(
    'works behind nginx below another path, whichever host answers (where there is no nginx: node scripts/setup.mjs --for tests)',
    async () => {
      const servers = webs.map(({ url }) => `server ${new URL(url).host};`).join(' ');
      const proxy = await startNginx(
        nginx ?? '',
        (port) =>
          `upstream hosts { ${servers} }
           server {
             listen 127.0.0.1:${String(port)};
             location /a/b/ { proxy_pass http://hosts/; proxy_set_header Host $http_host; }
           }`,
      );
      const behind = await openPage(
        browser,
        `http://127.0.0.1:${String(proxy.port)}/a/b/sync-admin`,
      );
      try {
        await behind.page.getByLabel('Token').fill(token);
        await behind.page.getByRole('button', { name: 'Sign in' }).click();
        await behind.page.getByRole('button', { name: 'Live', exact: true }).waitFor();
        for (const view of ['files', 'runs', 'conflicts', 'removals', 'trash', 'audit'])
          await showView(behind.page, `#/${view}`);
        await behind.page.reload();
        await behind.page.getByRole('heading', { name: 'Audit' }).waitFor();
        expect(new URL(behind.page.url()).pathname).toBe('/a/b/sync-admin/');
        expect([behind.errors, behind.foreign]).toEqual([[], []]);
      } finally {
        await behind.close();
        await proxy.close();
      }
    },
  );

  test('nothing of it was an error or a request to another origin', () => {
    // The browser itself reports the stream that was cut, and the story visits another host.
    const errors = watched.errors.filter((text) => !text.includes('ERR_'));
    const hosts = webs.map(({ url }) => url);
    const foreign = watched.foreign.filter((url) => !hosts.includes(new URL(url).origin));
    expect([errors, foreign]).toEqual([[], []]);
  });
});

describe.skipIf(!hasBrowser)(`the page of a machine that is not registered ${orInstall}`, () => {
  test('has the exact command that registers it', async () => {
    const database = await testDatabase();
    const folder = await makeTestDir();
    const sync = createSyncMedia({
      connection: database.connection,
      log: silent,
      environment: { HOME: folder.path, SYNCMEDIA_ROOT: folder.path },
    });
    const schema = new Schema({ file: String });
    schema.plugin(sync.plugin, { syncDirs: ['uploads/orders', 'uploads/photos'] });
    database.connection.model('Upload', schema);
    const web = await startWeb((app) => {
      app.use('/sync-admin', createAdmin(sync, { token, log: silent }));
    });
    const browser = await launchBrowser();
    try {
      const { page } = await openPage(browser, `${web.url}/sync-admin`);
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'No machine is registered yet' }).waitFor();
      const command = await page.locator('.command code').textContent();
      expect(command).toContain(`npx syncmedia init --root ${folder.path}`);
      expect(command).toContain('--sync-dirs uploads/orders,uploads/photos');
    } finally {
      await browser.close();
      await web.close();
      await sync.close();
      await database.close();
      await folder.remove();
    }
  });
});
