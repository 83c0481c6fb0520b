import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { findViolations, hasBrowser, orInstall, showView } from './browser.js';
import { prepareFakePage } from './fake-page.js';
import { eightHosts, makeHost, makeOverview, orderFiles } from './fake-data.js';
import type { FakeSite } from './fake-site.js';

describe.skipIf(!hasBrowser)(`the live page ${orInstall}`, () => {
  const fake = prepareFakePage();
  let site: FakeSite, page: Page;

  beforeEach(async () => {
    page = await fake.open();
    site = fake.site;
  });

  const emitChange = (id: string, over: object): void => {
    site.emit('change', { at: new Date('2026-11-27T14:31:11Z'), id, ...over });
  };
  const tagOfFocus = (): Promise<string> =>
    page
      .locator(':focus')
      .evaluate((element) => (element as unknown as { tagName: string }).tagName);
  const namesInTable = async (): Promise<string[]> =>
    (await page.locator('.grid tbody th a').allTextContents()).map((text) => text.trim());

  test('shows a change at once, and says the new headline', async () => {
    emitChange('o2', { headline: 'Everything is everywhere', needs: [] });
    await page.getByRole('heading', { name: 'Everything is everywhere' }).waitFor();
    await until(
      async () =>
        (await page.locator('[aria-live=polite]').textContent()) === 'Everything is everywhere',
    );
    expect(await page.title()).toBe('Everything is everywhere · syncmedia');
  });

  test('moves no row while the pointer is among them, and sorts them once it has left', async () => {
    const before = await namesInTable();
    await page.locator('.grid tbody tr').first().hover();
    const web1 = makeHost('web1', { state: 'behind', note: 'new note', thisHost: true });
    const order = ['id-web1', ...eightHosts.map(({ id }) => id).filter((id) => id !== 'id-web1')];
    emitChange('o2', { hosts: [web1], order });
    await page.getByText('new note').waitFor();
    expect(await namesInTable()).toEqual(before);
    await page.mouse.move(5, 5);
    await until(async () => (await namesInTable())[0] === 'web1');
  });

  test('moves no row while the focus is among them', async () => {
    const before = await namesInTable();
    await page.locator('.grid tbody th a').nth(2).focus();
    const order = eightHosts.map(({ id }) => id).reverse();
    emitChange('o2', { order, headline: 'another order' });
    await page.getByRole('heading', { name: 'another order' }).waitFor();
    expect(await namesInTable()).toEqual(before);
    await page.locator('header nav a').first().focus();
    await until(async () => (await namesInTable())[0] === 'web6');
  });

  test('shows nothing new while it is paused, and counts the changes', async () => {
    await page.getByRole('button', { name: 'Live', exact: true }).click();
    await page.getByRole('button', { name: 'Paused', exact: true }).waitFor();
    emitChange('o2', { headline: 'first' });
    emitChange('o3', { headline: 'second' });
    await page.getByRole('button', { name: 'Paused, 2 changes since' }).waitFor();
    expect(await page.locator('h1').textContent()).toBe('4 of 7 hosts lack files');
    await page.keyboard.press('p');
    await page.getByRole('heading', { name: 'second' }).waitFor();
  });

  test('says that it is not live when the stream breaks, and goes on when it is back', async () => {
    site.refusesStreams = true;
    site.dropStreams();
    await page.getByText(/Not live: this is from|The live stream fails/).waitFor();
    expect(await findViolations(page)).toEqual([]);
    site.overview = makeOverview({ id: 'o9', headline: 'back again' });
    const again = await page.getByRole('button', { name: 'Try again' }).elementHandle();
    site.refusesStreams = false;
    // The page tries again by itself, too, and then the button is gone.
    await again?.dispatchEvent('click');
    await page.getByRole('heading', { name: 'back again' }).waitFor();
    await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
  });

  test('follows the file on show also while streams are refused', async () => {
    const [delivered, waits] = orderFiles as { path: string }[];
    const path = delivered!.path;
    site.routes.set('GET files', () => ({ files: [{ ...waits, path }] }));
    site.refusesStreams = true;
    site.dropStreams();
    await showView(page, `#/files?path=${path}`, 'Where is a file?');
    const reasons = page.getByRole('heading', { name: 'Why not', exact: true });
    await reasons.waitFor();
    site.routes.set('GET files', () => ({ files: [delivered] }));
    await reasons.waitFor({ state: 'detached' });
    await page.getByRole('cell', { name: 'web3' }).waitFor();
  });

  test('closes the stream when it signs out, and asks for the token', async () => {
    await until(() => site.countStreams() === 1);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await until(() => site.countStreams() === 0);
    expect(await findViolations(page)).toEqual([]);
    await page.getByLabel('Token').fill('a wrong token');
    await page.keyboard.press('Enter');
    await page.getByText('The token is wrong.').waitFor();
    await page.getByLabel('Token').fill('the right token');
    await page.getByLabel('Your name').fill('ada');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '4 of 7 hosts lack files' }).waitFor();
    expect(site.requests.filter(({ method }) => method === 'POST').at(-1)?.body).toEqual({
      token: 'the right token',
      name: 'ada',
    });
  });

  test('says so where the right token signs nobody in', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    // As behind a browser without cookies, or where the next host has another token.
    site.routes.set('POST session', () => undefined);
    await page.getByLabel('Token').fill('the right token');
    await page.keyboard.press('Enter');
    await page.getByText('the next answer took you for a stranger').waitFor();
    await page.getByText('all of them need the same SYNCMEDIA_ADMIN_TOKEN').waitFor();
    expect(await page.getByLabel('Token').count()).toBe(1);
  });

  test('keeps what was known while the database does not answer, and lets nobody change it', async () => {
    await page.evaluate(() => {
      (globalThis as unknown as { location: { hash: string } }).location.hash = '#/hosts/web3';
    });
    await page.getByRole('heading', { name: 'web3 does not answer' }).waitFor();
    site.isDatabaseDown = true;
    site.dropStreams();
    await page.getByText('The database does not answer since 14:31:10').waitFor();
    await page.getByText('Files go on being served').waitFor();
    expect(await page.getByRole('button', { name: 'Pause …' }).isDisabled()).toBe(true);
    expect(await page.locator('h1').textContent()).toBe('web3 does not answer');
  });

  test('says so where the overview itself says that the database does not answer', async () => {
    emitChange('o2', {
      unavailable: {
        since: new Date('2026-11-27T14:31:07Z'),
        code: 'NO_CONNECTION',
        message: 'gone',
        remedy: 'look',
      },
    });
    await page.getByText('The database does not answer since 14:31:07').waitFor();
    expect(await page.locator('main.stale').count()).toBe(1);
  });

  test('can be used by keys alone', async () => {
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await tagOfFocus()).toBe('H1');
    // The second key counts within a second and a half, which a busy machine may let pass.
    await until(
      async () => {
        await page.keyboard.press('g');
        await page.keyboard.press('r');
        return page.getByRole('heading', { name: 'Runs', exact: true, level: 1 }).isVisible();
      },
      { interval: 200 },
    );
    await until(async () => (await tagOfFocus()) === 'H1');
    await page.keyboard.press('/');
    await until(async () => (await page.locator(':focus').getAttribute('id')) === 'q');
    await page.keyboard.type('Order 4711');
    await page.keyboard.press('Enter');
    await page.getByText('label.pdf').first().waitFor();
    await page.locator('h1').focus();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    expect(await findViolations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  test('does nothing at keys that were switched off', async () => {
    await page.getByRole('button', { name: 'Keys: ?' }).click();
    await page.getByRole('button', { name: 'Switch the keys off' }).click();
    await page.keyboard.press('p');
    await page.keyboard.press('?');
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Live', exact: true }).count()).toBe(1);
  });
});
