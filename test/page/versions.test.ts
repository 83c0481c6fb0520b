import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { findViolations, hasBrowser, orInstall, showView } from './browser.js';
import { prepareFakePage } from './fake-page.js';
import {
  makeOverview,
  makeRun,
  orderFiles,
  runSummaries,
  versions,
  withHistory,
} from './fake-data.js';
import { FakeRefusal, type FakeSite } from './fake-site.js';

describe.skipIf(!hasBrowser)(`the versions of a file ${orInstall}`, () => {
  const fake = prepareFakePage();
  let site: FakeSite, page: Page;

  beforeEach(() => {
    ({ site } = fake);
    site.overview = makeOverview({ hosts: withHistory(site.overview.hosts) });
    const [front] = orderFiles as { version: string }[];
    site.routes.set('GET files', () => ({ files: [{ ...front, version: versions[0]?.version }] }));
    site.routes.set('GET history', () => ({ versions }));
  });

  const open = async (): Promise<void> => {
    page = await fake.open();
    await showView(page, '#/files?path=uploads/orders/4711/front.jpg', 'Where is a file?');
  };
  const table = () => page.getByRole('table', { name: /^Versions of uploads/ });

  test('are listed with date, host, size, document and person', async () => {
    await open();
    await table().waitFor();
    const [first] = await table().locator('tbody tr').allTextContents();
    expect(first).toMatch(/12 min.*web1.*302 kB.*Order 4711.*Ada/);
    expect(await findViolations(page)).toEqual([]);
  });

  test('are restored after their picture and the effect were shown', async () => {
    await open();
    const restore = table().getByRole('button', { name: /^Restore the version of/ });
    await restore.last().waitFor();
    expect(await restore.count()).toBe(3);
    await restore.last().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('becomes a new version on all 3 hosts.').waitFor();
    await dialog.getByText('The current one (302 kB) goes to the trash').waitFor();
    await until(() =>
      dialog
        .getByRole('img', { name: 'Preview' })
        .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 0),
    );
    expect(await findViolations(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Restore it' }).click();
    await fake.isSaid('The file is restored');
    expect(fake.listChanges()).toEqual([
      {
        method: 'POST',
        address: 'history/restore',
        body: { path: versions[2]?.path, at: versions[2]?.revision, current: '0'.repeat(64) },
      },
    ]);
  });

  test('one that is there already cannot be restored', async () => {
    await open();
    await table()
      .getByRole('button', { name: /^Restore/ })
      .first()
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('nothing is to do').waitFor();
    expect(await dialog.locator('.acts button').allTextContents()).toEqual(['Close']);
  });

  test('are only looked at and saved where nothing may be changed', async () => {
    site.session = { ...site.session, mayChange: false };
    await open();
    await table()
      .getByRole('button', { name: /^Look at the version/ })
      .last()
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('becomes a new version').waitFor();
    expect(await dialog.locator('.acts button').allTextContents()).toEqual(['Close']);
    // The history has no bytes of the second one.
    expect(
      await table()
        .getByRole('link', { name: /^Save the version/ })
        .count(),
    ).toBe(2);
  });

  test('that only another host keeps are saved and restored as well', async () => {
    const elsewhere = versions.map((one) =>
      one.as === 'named' ? { ...one, elsewhere: true } : one,
    );
    site.routes.set('GET history', () => ({ versions: elsewhere }));
    const answer = site.routes.get('GET history/restore');
    site.routes.set('GET history/restore', (...asked) => {
      const { restore } = answer?.(...asked) as { restore: object };
      return { restore: { ...restore, from: 'another host' } };
    });
    await open();
    await table().waitFor();
    expect(
      await table()
        .getByRole('link', { name: /^Save the version/ })
        .count(),
    ).toBe(3);
    await table()
      .getByRole('button', { name: /^Restore/ })
      .nth(1)
      .click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('the bytes are fetched from another host').waitFor();
    await dialog.getByRole('button', { name: 'Restore it' }).waitFor();
  });

  test('are looked for again while the newest is not recorded yet', async () => {
    let asked = 0;
    site.routes.set('GET history', () => ({ versions: asked++ === 0 ? [] : versions }));
    await open();
    await table().waitFor();
    expect(asked).toBeGreaterThan(1);
  });

  test('that are not recorded yet are counted in the view of their host', async () => {
    const [first, ...others] = site.overview.hosts.filter(({ hostname }) => hostname === 'web2');
    if (!first || others.length > 0) throw new Error('there is one host web2');
    const unrecorded = { count: 3, capped: false };
    site.overview = makeOverview({ hosts: [{ ...first, history: { unrecorded } }] });
    page = await fake.open();
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByText('3 versions are not recorded yet').waitFor();
    site.emit(
      'overview',
      makeOverview({
        id: 'o2',
        hosts: [{ ...first, history: { unrecorded, failing: 'The disk is full.' } }],
      }),
    );
    await page.getByText('The disk is full.').waitFor();
  });

  test('a restore of a sync dir says which files stay, and why', async () => {
    const [summary] = runSummaries;
    if (!summary) throw new Error('there is no run to copy');
    site.routes.set('GET runs/:one', () => ({
      run: makeRun(
        { ...summary, id: 'r9', kind: 'restore', state: 'done', at: 'web1' },
        {
          dirs: ['uploads/orders'],
          restoresTo: new Date('2026-11-26T12:00:00Z'),
          leftOut: [
            { why: 'no version', count: 1_200, paths: ['uploads/orders/1/later.jpg'] },
            { why: 'hash only', count: 1, paths: ['uploads/orders/1/film.mp4'] },
          ],
        },
      ),
    }));
    page = await fake.open();
    await showView(page, '#/runs/r9', 'Restore');
    await page.getByText('26 Nov 2026').waitFor();
    await page.getByText('1,200 files of which the history has no version').waitFor();
    await page.getByText('uploads/orders/1/film.mp4').waitFor();
    expect(await findViolations(page)).toEqual([]);
  });

  test('are not asked for where the backend of the host keeps none', async () => {
    site.overview = makeOverview();
    await open();
    await page.getByRole('table').getByText('front.jpg').waitFor();
    await page.waitForLoadState('networkidle');
    expect(site.requests.filter(({ address }) => address === 'history')).toEqual([]);
    expect(await page.getByRole('heading', { name: 'Versions' }).count()).toBe(0);
  });

  // Behind a load balancer another host may answer.
  test('are not mentioned where the host that answers keeps none', async () => {
    site.routes.set(
      'GET history',
      () => new FakeRefusal(409, 'NO_HISTORY', 'The backend rsync keeps no history.'),
    );
    await open();
    await page.getByRole('table').getByText('front.jpg').waitFor();
    await until(() => site.requests.some(({ address }) => address === 'history'));
    expect(await page.getByRole('heading', { name: 'Versions' }).count()).toBe(0);
  });
});
