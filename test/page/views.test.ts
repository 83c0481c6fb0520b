import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  findViolations,
  hasBrowser,
  launchBrowser,
  measureSideways,
  openPage,
  orInstall,
  phone,
  showView,
} from './browser.js';
import { emptySite, makeFiftyHosts, makeHost, makeOverview } from './fake-data.js';
import { startFakeSite, type FakeSite } from './fake-site.js';

const views: readonly [hash: string, title: string | RegExp][] = [
  ['#/', '4 of 7 hosts lack files'],
  ['#/hosts/web3', 'web3 does not answer'],
  ['#/hosts/web5', 'web5 waits for approval'],
  ['#/hosts/backup', 'backup is paused'],
  ['#/files', 'Where is a file?'],
  ['#/files?q=Order+4711', 'Where is a file?'],
  ['#/files?pendingOn=web3', 'Where is a file?'],
  ['#/runs', 'Runs'],
  ['#/runs/b61f', 'Pull on web6'],
  ['#/runs/97c2', 'Verification on web1'],
  ['#/runs/dry-pull', 'Pull on web3 (dry run)'],
  ['#/conflicts', 'One file has a second version'],
  ['#/removals', 'Removals wait for a yes or no'],
  ['#/trash', 'Trash'],
  ['#/audit', 'Audit'],
  ['#/hosts/nobody', 'No host is called nobody'],
];

describe.skipIf(!hasBrowser)(`the views of the page ${orInstall}`, () => {
  let site: FakeSite, browser: Browser;

  beforeAll(async () => {
    site = await startFakeSite();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  describe.each([
    ['light', {}],
    ['dark', { colorScheme: 'dark' }],
    ['light on a phone', { viewport: phone, hasTouch: true }],
    ['dark on a phone', { viewport: phone, hasTouch: true, colorScheme: 'dark' }],
  ] as const)('%s', (_name, options) => {
    test('have no violation that axe finds, no error and no request to another origin', async () => {
      const { page, errors, foreign, close } = await openPage(browser, site.url, options);
      const found: string[] = [];
      for (const [hash, title] of views) {
        await showView(page, hash, title);
        await page.waitForLoadState('networkidle').catch(() => undefined);
        for (const violation of await findViolations(page)) found.push(`${hash} ${violation}`);
        expect([hash, await measureSideways(page)]).toEqual([hash, 0]);
      }
      await close();
      expect(found).toEqual([]);
      expect([errors, foreign]).toEqual([[], []]);
    });
  });

  test('show 50 hosts by state, with those that are up to date folded', async () => {
    site.overview = makeFiftyHosts();
    const { page, close } = await openPage(browser, site.url);
    await page.getByRole('heading', { name: '6 of 50 hosts lack files' }).waitFor();
    expect(await page.locator('tr.group button').allTextContents()).toEqual([
      '2 do not answer',
      '4 behind',
      '44 up to date',
    ]);
    expect(await page.locator('.grid tbody tr:not(.group)').count()).toBe(6);
    await page.getByText('44 up to date').click();
    expect(await page.locator('.grid tbody tr:not(.group)').count()).toBe(50);
    await page.getByPlaceholder('Filter by name or note').fill('web07');
    await page.getByText('44 up to date').waitFor({ state: 'detached' });
    expect(await page.locator('.grid tbody tr:not(.group)').count()).toBe(1);
    expect(await findViolations(page)).toEqual([]);
    await close();
    site.overview = makeOverview();
  });

  test('say which command registers the first host', async () => {
    site.overview = emptySite;
    const { page, close } = await openPage(browser, site.url);
    await page.getByRole('heading', { name: 'No machine is registered yet' }).waitFor();
    await page
      .getByText('npx syncmedia init --root /srv/shop --sync-dirs uploads/orders --generate')
      .waitFor();
    expect(await findViolations(page)).toEqual([]);
    await close();
    site.overview = makeOverview();
  });

  test('fit 320 pixels', async () => {
    const { page, close } = await openPage(browser, site.url, {
      viewport: { width: 320, height: 640 },
    });
    for (const [hash, title] of views) {
      await showView(page, hash, title);
      await page.waitForLoadState('networkidle').catch(() => undefined);
      expect(await measureSideways(page)).toBe(0);
    }
    await close();
  });

  test('of a read-only router have no button that changes anything', async () => {
    site.session = { ...site.session, mayChange: false };
    const { page, close } = await openPage(browser, site.url);
    const buttons = new Set<string>();
    for (const [hash, title] of views) {
      await showView(page, hash, title);
      await page.getByText('This page only shows').waitFor();
      for (const text of await page.locator('main button').allTextContents()) buttons.add(text);
    }
    await close();
    site.session = { ...site.session, mayChange: true };
    expect([...buttons].sort()).toEqual(['Find']);
  });

  test('show hostile names as text', async () => {
    const script = '<img src=x onerror="document.title=\'owned\'"><script>alert(1)</script>';
    const hostile = [script, '"\'`&lt;', 'photo\u202egpj.exe', 'x'.repeat(4_000)];
    site.overview = makeOverview({
      headline: script,
      hosts: hostile.map((text, index) =>
        makeHost(text, { id: String(index), note: text, cause: text, remedy: text }),
      ),
      needs: hostile.map((text, index) => ({
        id: String(index),
        kind: 'host',
        host: text,
        title: text,
        cause: text,
        safe: text,
        remedy: text,
      })),
      recent: hostile.map((text) => ({ at: new Date(), host: text, text })),
    });
    const { page, errors, close } = await openPage(browser, site.url, { viewport: phone });
    await page.locator('h1', { hasText: script }).waitFor();
    const shown = await page.locator('main').textContent();
    expect(shown).toContain('photo‹U+202E›gpj.exe');
    expect(shown).toContain('"\'`&lt;');
    expect(shown).toContain('(4,000 characters)');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toContain('<img src=x');
    expect(await measureSideways(page)).toBe(0);
    for (const name of hostile) {
      await showView(page, `#/hosts/${encodeURIComponent(name)}`);
      expect(await measureSideways(page)).toBe(0);
    }
    expect(errors).toEqual([]);
    await close();
    site.overview = makeOverview();
  });
});
