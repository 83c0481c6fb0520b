import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
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
import {
  audit,
  conflict,
  describeFakeHost,
  emptySite,
  makeFiftyHosts,
  makeHost,
  makeOverview,
  makeRun,
  orderFiles,
  removals,
  runSummaries,
  trashFiles,
} from './fake-data.js';
import { startFakeSite, type FakeSite } from './fake-site.js';

const script = '<img src=x onerror="document.title=\'owned\'"><script>alert(1)</script>';
const hostile = [script, '"\'`&lt;', 'photo\u202egpj.exe', 'x'.repeat(4_000)];

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
  ['#/restore', 'Restore a sync dir'],
  ['#/audit', 'Audit'],
  ['#/hosts/nobody', 'No host is called nobody'],
];

describe.skipIf(!hasBrowser)(`the views of the page ${orInstall}`, () => {
  let site: FakeSite, browser: Browser, routes: FakeSite['routes'];

  beforeAll(async () => {
    site = await startFakeSite();
    routes = new Map(site.routes);
    browser = await launchBrowser();
  });
  afterEach(() => {
    for (const [route, answer] of routes) site.routes.set(route, answer);
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

  test('show hostile files, messages, audit entries and outputs as text', async () => {
    for (const [route, answer] of Object.entries(makeHostileAnswers()))
      site.routes.set(route, () => answer);
    const { page, errors, close } = await openPage(browser, site.url, { viewport: phone });
    for (const hash of [
      '#/hosts/web2',
      '#/files?contains=x',
      '#/runs',
      '#/runs/x',
      '#/conflicts',
      '#/removals',
      '#/trash',
      '#/audit',
    ]) {
      await showView(page, hash);
      const main = page.locator('main');
      for (const text of ['‹U+202E›gpj.exe', '<img src=x', '(4,000 characters)'])
        await main.getByText(text).first().waitFor({ state: 'attached' });
      expect([hash, await main.textContent()]).toEqual([
        hash,
        expect.not.stringContaining('\u202e') as unknown,
      ]);
      expect([hash, await page.locator('main img[src="x"], main script').count()]).toEqual([
        hash,
        0,
      ]);
      expect([hash, await measureSideways(page)]).toEqual([hash, 0]);
      expect([hash, await findViolations(page)]).toEqual([hash, []]);
    }
    expect(await page.title()).not.toBe('owned');
    expect(errors).toEqual([]);
    await close();
  });

  test('of files say why they list none', async () => {
    const message = 'the exclude pattern "*.tmp" of the sync dir uploads/orders matches it';
    const path = 'uploads/orders/a.tmp';
    let files: unknown[] = [];
    site.routes.set('GET files', () => ({ files }));
    const { page, close } = await openPage(browser, site.url);
    for (const [query, text] of [
      ['pendingOn=web3', 'Nothing waits there now.'],
      ['blockedOn=web3', 'Nothing is blocked there now.'],
      ['missing=true', 'Every file that the ledger knows is on some host.'],
      ['contains=nowhere', 'No save has named such a file. It may exist on a disk all the same.'],
    ] as const) {
      await showView(page, `#/files?${query}`);
      await page.locator('section p', { hasText: text }).waitFor();
      expect([query, await page.locator('main table').count()]).toEqual([query, 0]);
    }
    files = [{ path, captured: false, heldBy: [], pending: [], unsynced: { message } }];
    await showView(page, `#/files?path=${path}`);
    await page.getByText(`No save has named such a file: ${message}.`).waitFor();
    await close();
  });

  test('of a host shows what its last reload printed, and each name that cannot be synced', async () => {
    site.routes.set('GET hosts/:one', () => ({
      host: {
        ...describeFakeHost(makeHost('web2')),
        reload: { at: new Date(), exitCode: 1, output: 'nginx: [emerg] no such file\nfailed\n' },
        unsyncable: [{ path: 'uploads/photos/\ufffd.jpg', why: 'its name is not valid UTF-8' }],
      },
    }));
    const { page, close } = await openPage(browser, site.url);
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByText('It failed with exit code 1.').waitFor();
    const output = page.getByRole('region', { name: 'Its output' });
    expect(await output.innerText()).toBe('nginx: [emerg] no such file\nfailed');
    const names = page.getByRole('region', { name: 'Names that cannot be synced' });
    expect(await names.innerText()).toBe('uploads/photos/\ufffd.jpg its name is not valid UTF-8');
    expect(await findViolations(page)).toEqual([]);
    await close();
  });
});

/** Answers of the router whose names and messages another host or a visitor chose. */
function makeHostileAnswers(): Record<string, unknown> {
  const [file] = orderFiles;
  const [change] = audit;
  const [kept] = trashFiles;
  const failures = hostile.map((message) => ({
    host: 'id-web1',
    failure: { code: message, message, retryable: true, scope: 'path' },
  }));
  const runs = hostile.map((text) => ({
    ...makeRun({ ...firstRun(), id: text, state: 'failed', requestedBy: text }),
    at: 'id-web1',
    failures,
    failure: { code: text, message: text, retryable: true, scope: 'host' },
    wouldTransfer: hostile.map((path) => ({ host: 'id-web1', path, size: 1, why: 'missing' })),
    endedAt: new Date(),
  }));
  return {
    'GET hosts/:one': {
      host: {
        ...describeFakeHost(makeHost('web2')),
        rootPath: script,
        reload: { at: new Date(), exitCode: 1, output: hostile.join('\n') },
        unsyncable: hostile.map((text) => ({ path: text, why: text })),
      },
    },
    'GET files': {
      files: hostile.map((path) => ({
        ...file,
        path,
        savedBy: { model: path, id: path },
        pending: [
          { id: 'x', hostname: path, since: new Date(), blocked: false, why: path, remedy: path },
        ],
      })),
    },
    'GET runs': { runs },
    'GET runs/:one': { run: { ...runs[0], requestedBy: hostile[2] } },
    'GET conflicts': { files: hostile.map((text) => ({ ...conflict, path: text, why: text })) },
    'GET removals': {
      removals: hostile.map((dir) => ({ ...removals, dir, host: dir, paths: hostile })),
    },
    'GET trash': {
      files: hostile.map((text) => ({ ...kept, dir: text, path: text, keptAs: text })),
    },
    'GET audit': {
      audit: hostile.map((text, id) => ({
        ...change,
        id: String(id),
        by: text,
        what: text,
        args: text,
        host: text,
        outcome: text,
      })),
    },
  };
}

function firstRun(): (typeof runSummaries)[number] {
  const [run] = runSummaries;
  if (!run) throw new Error('there is no run');
  return run;
}
