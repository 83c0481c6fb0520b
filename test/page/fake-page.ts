import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { until } from '../harness/wait.js';
import { launchBrowser, openPage, type WatchedPage } from './browser.js';
import { startFakeSite, type FakeSite } from './fake-site.js';

/** A fake site, anew for each test, and a page of it. */
export interface FakePage {
  readonly site: FakeSite;
  /** Opens the page and waits for its overview. It is closed after the test. */
  open(): Promise<Page>;
  /** What was asked for beyond reading. */
  listChanges(): FakeSite['requests'];
  /** Waits until the page has a screen reader say this. */
  isSaid(text: string): Promise<unknown>;
}

/** Call this in a `describe`: it registers the hooks that start and close all of it. */
export function prepareFakePage(): FakePage {
  let browser: Browser, site: FakeSite;
  let watched: WatchedPage | undefined;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    site = await startFakeSite();
  });
  afterEach(async () => {
    await watched?.close();
    watched = undefined;
    await site.close();
  });
  return {
    get site() {
      return site;
    },
    async open() {
      watched = await openPage(browser, site.url);
      await watched.page.getByRole('heading', { name: '4 of 7 hosts lack files' }).waitFor();
      return watched.page;
    },
    listChanges: () => site.requests.filter(({ method }) => method !== 'GET'),
    isSaid: (text) =>
      until(async () => (await watched?.page.locator('[aria-live=polite]').textContent()) === text),
  };
}
