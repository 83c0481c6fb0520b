import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { findViolations, hasBrowser, measureSideways, orInstall, showView } from './browser.js';
import { prepareFakePage } from './fake-page.js';
import { makeOverview, makeRun, runSummaries, withHistory } from './fake-data.js';
import type { FakeSite } from './fake-site.js';

const dir = 'uploads/orders',
  at = '2026-11-26T12:00:00.000Z',
  shownAt = '2026-11-27T12:00:00.000Z',
  label = 'Restore a sync dir as it was at a time';

describe.skipIf(!hasBrowser)(`restoring a sync dir on the page ${orInstall}`, () => {
  const fake = prepareFakePage();
  let site: FakeSite;
  /** Overrides what the dry run found. */
  let found: object;

  const makeRestore = (id: string, over: object): object => {
    const [summary] = runSummaries;
    if (!summary) throw new Error('there is no run to copy');
    return makeRun(
      { ...summary, id, kind: 'restore', at: 'web1', state: 'done' },
      { dirs: [dir], restoresTo: at, files: 0, filesFound: 0, bytesFound: 0, ...over },
    );
  };

  beforeEach(() => {
    ({ site } = fake);
    site.overview = makeOverview({ hosts: withHistory(site.overview.hosts) });
    found = {
      filesFound: 1_207,
      bytesFound: 2_300_000_000,
      transferReasons: [
        { why: 'missing', count: 1_205 },
        { why: 'different', count: 2 },
      ],
      wouldTransfer: [
        { host: 'id-web1', path: `${dir}/1/back.jpg`, size: 3_811_204, why: 'missing' },
        { host: 'id-web1', path: `${dir}/1/front.jpg`, size: 2_311_876, why: 'different' },
      ],
      leftOut: [{ why: 'no version', count: 3, paths: [`${dir}/1/later.jpg`] }],
    };
    site.routes.set('GET status', () => ({ syncDirs: [{ path: 'uploads' }, { path: dir }] }));
    site.routes.set('POST history/restore-dir', (_query, body) => {
      const isDry = (body as { dryRun: boolean }).dryRun;
      return {
        run: makeRestore(isDry ? 'dry' : 'real', {
          dryRun: isDry,
          requestedAt: shownAt,
          state: isDry ? 'requested' : 'done',
        }),
      };
    });
    site.routes.set('GET runs/:one', (_query, _body, address) => {
      const isDry = address.endsWith('dry');
      return {
        run: makeRestore(isDry ? 'dry' : 'real', { dryRun: isDry, requestedAt: shownAt, ...found }),
      };
    });
  });

  const fill = async (page: Page): Promise<void> => {
    await showView(page, '#/restore', 'Restore a sync dir');
    await page.getByLabel('Sync dir').selectOption(dir);
    await page.getByLabel(/^As it was at/).fill('2026-11-26T12:00:00');
  };

  test('shows what comes back, what is replaced and what stays, and then starts', async () => {
    const page = await fake.open();
    await fill(page);
    expect(await findViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'See what it would change …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('1,205 files that were removed since come back.').waitFor();
    await dialog.getByText('2 files that changed since are replaced').waitFor();
    await dialog.getByText('3 files of which the history has no version').waitFor();
    await dialog.getByText(`${dir}/1/later.jpg`).waitFor();
    await dialog.getByText('the first 2 of 1,207 files').waitFor();
    expect(
      await dialog
        .getByRole('region', { name: 'What it would restore' })
        .getByRole('listitem')
        .allTextContents(),
    ).toEqual([`${dir}/1/back.jpg 3.8 MB, comes back`, `${dir}/1/front.jpg 2.3 MB, is replaced`]);
    expect(await findViolations(page)).toEqual([]);
    expect(await measureSideways(page)).toBe(0);
    expect(await dialog.locator('.acts button').allTextContents()).toEqual([
      'Leave it',
      'Restore 1,207 files',
    ]);
    await dialog.getByRole('button', { name: 'Restore 1,207 files' }).click();
    await page.getByRole('heading', { name: 'Restore on web1', exact: true }).waitFor();
    await fake.isSaid('The run is requested');
    // Files that were saved since the dry run stay.
    expect(fake.listChanges()).toEqual(
      [{ dryRun: true }, { dryRun: false, before: shownAt }].map((how) => ({
        method: 'POST',
        address: 'history/restore-dir',
        body: { dir, at, ...how },
      })),
    );
  });

  test('needs no pointer, and a time that is near needs no typing', async () => {
    const page = await fake.open();
    await showView(page, '#/trash', 'Trash');
    await page.getByRole('link', { name: label }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Restore a sync dir' }).waitFor();
    await page.getByRole('button', { name: 'A day ago' }).focus();
    await page.keyboard.press('Enter');
    await page.getByLabel(/^As it was at/).press('Enter');
    const confirm = page.getByRole('button', { name: 'Restore 1,207 files' });
    await confirm.waitFor();
    const [request] = fake.listChanges();
    // The page's clock is the database's, and goes on.
    expect((request?.body as { at: string }).at).toMatch(/^2026-11-26T14:3/);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(fake.listChanges()).toHaveLength(1);
  });

  test('a time is needed, and none of the future is taken', async () => {
    const page = await fake.open();
    await showView(page, '#/restore', 'Restore a sync dir');
    const look = page.getByRole('button', { name: 'See what it would change …' });
    await look.click();
    await page.getByLabel(/^As it was at/).fill('2036-01-01T00:00:00');
    await look.click();
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(fake.listChanges()).toEqual([]);
  });

  test('has nothing to confirm where nothing would change, or where the dry run failed', async () => {
    const page = await fake.open();
    found = {};
    await fill(page);
    await page.getByRole('button', { name: 'See what it would change …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('No file would change').waitFor();
    expect(await dialog.locator('.acts button').allTextContents()).toEqual(['Close']);
    await dialog.getByRole('button', { name: 'Close' }).click();
    const failure = { code: 'HISTORY_FAILED', message: 'git is missing.' };
    found = { state: 'failed', filesFound: 1, failure };
    await page.getByRole('button', { name: 'See what it would change …' }).click();
    await dialog.getByText('git is missing.').waitFor();
    expect(await dialog.locator('.acts button').allTextContents()).toEqual(['Close']);
  });

  test('can follow the view of its dry run, on the host that made it', async () => {
    const page = await fake.open();
    await showView(page, '#/runs/dry', 'Restore on web1 (dry run)');
    await page.getByRole('button', { name: 'Restore 1,207 files …' }).click();
    await page.getByRole('dialog').getByText('1,205 files').waitFor();
    expect(fake.listChanges()).toEqual([]);
    await page.keyboard.press('Escape');
    found = { ...found, at: 'id-web2' };
    await showView(page, '#/runs', 'Runs');
    await showView(page, '#/runs/dry', 'Restore on web2 (dry run)');
    expect(await page.getByRole('button', { name: /^Restore 1,207/ }).count()).toBe(0);
  });

  test.each(['who may only look', 'of a host that keeps no history'])(
    'is not offered to people %s',
    async (who) => {
      if (who === 'who may only look') site.session = { ...site.session, mayChange: false };
      else site.overview = makeOverview();
      const page = await fake.open();
      for (const hash of ['#/runs', '#/trash']) {
        await showView(page, hash, /Runs|Trash/);
        expect(await page.getByRole('link', { name: label }).count()).toBe(0);
      }
      await showView(page, '#/restore', 'Restore a sync dir');
      if (who !== 'who may only look') await page.getByText('SYNCMEDIA_BACKEND=git').waitFor();
      expect(await page.getByRole('button', { name: /^See what/ }).count()).toBe(0);
      expect(await findViolations(page)).toEqual([]);
    },
  );
});
