import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { findViolations, hasBrowser, orInstall, showView } from './browser.js';
import { prepareFakePage } from './fake-page.js';
import { FakeRefusal, type FakeSite } from './fake-site.js';

describe.skipIf(!hasBrowser)(`the actions of the page ${orInstall}`, () => {
  const fake = prepareFakePage();
  const { listChanges, isSaid } = fake;
  let site: FakeSite, page: Page;

  beforeEach(async () => {
    page = await fake.open();
    site = fake.site;
  });

  test('leaving a dialog changes nothing, and gives the focus back', async () => {
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByRole('button', { name: 'Retire …' }).click();
    await page.getByText('3 files are on no other host').waitFor();
    expect(await findViolations(page)).toEqual([]);
    expect(await page.locator('dialog .acts button').allTextContents()).toEqual([
      'Leave it',
      'Retire web2',
    ]);
    await page.getByRole('button', { name: 'Leave it' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(listChanges()).toEqual([]);
    expect(await page.locator(':focus').textContent()).toBe('Retire …');
  });

  test('a host is retired by its name and the number of files that would be lost', async () => {
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByRole('button', { name: 'Retire …' }).click();
    const retire = page.getByRole('button', { name: 'Retire web2' });
    await page.getByLabel('Type web2 to confirm').fill('web2');
    expect(await retire.isDisabled()).toBe(true);
    await page.getByLabel(/number of files/).fill('3');
    await retire.click();
    await isSaid('web2 is retired');
    expect(listChanges()).toEqual([
      {
        method: 'DELETE',
        address: 'hosts/id-web2',
        body: { digest: 'd'.repeat(64), onlyHere: 3 },
      },
    ]);
  });

  test('an effect that changed meanwhile is shown anew, and has to be confirmed again', async () => {
    site.routes.set(
      'DELETE hosts/:one',
      () => new FakeRefusal(409, 'CHANGED', 'It changed since it was shown.'),
    );
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByRole('button', { name: 'Retire …' }).click();
    await page.getByLabel('Type web2 to confirm').fill('web2');
    await page.getByLabel(/number of files/).fill('3');
    site.routes.set('GET hosts/:one/change', () => ({
      digest: 'e'.repeat(64),
      pending: { count: 0, capped: false, bytes: 0 },
      onlyHere: { count: 4, capped: false, paths: ['uploads/new.jpg'] },
    }));
    await page.getByRole('button', { name: 'Retire web2' }).click();
    await page.getByText('It changed meanwhile. This is how it is now:').waitFor();
    await page.getByText('4 files are on no other host').waitFor();
    expect(await page.getByLabel('Type web2 to confirm').inputValue()).toBe('');
    expect(await page.getByRole('button', { name: 'Retire web2' }).isDisabled()).toBe(true);
  });

  test('a refusal stays in the dialog, with sentence, remedy and code', async () => {
    site.routes.set(
      'PATCH hosts/:one',
      () => new FakeRefusal(502, 'HOST_UNREACHABLE', 'web2 does not answer.'),
    );
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByRole('button', { name: 'Pause …' }).click();
    await page.getByRole('button', { name: 'Pause web2' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('web2 does not answer.').waitFor();
    await dialog.getByText('Do nothing if the host comes back').waitFor();
    await dialog.getByText('HOST_UNREACHABLE').waitFor();
  });

  test('a pause takes its reason along', async () => {
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByRole('button', { name: 'Pause …' }).click();
    await page.getByText('2 files (811 kB) that wait now will go on waiting.').waitFor();
    await page.getByLabel(/The reason/).fill('disk swap');
    await page.getByRole('button', { name: 'Pause web2' }).click();
    await isSaid('web2 is paused');
    expect(listChanges().at(-1)?.body).toEqual({ status: 'paused', reason: 'disk swap' });
  });

  test('a dialog keeps what was typed while the site changes, also if its host goes away', async () => {
    await showView(page, '#/hosts/web2', 'web2');
    await page.getByRole('button', { name: 'Pause …' }).click();
    const reason = page.getByLabel(/The reason/);
    await reason.fill('disk sw');
    const at = new Date('2026-11-27T14:31:11Z');
    const [changed] = site.overview.hosts.filter(({ hostname }) => hostname === 'web2');
    const others = site.overview.hosts.flatMap(({ id }) => (id === changed?.id ? [] : [id]));
    site.emit('change', { at, id: 'o2', hosts: [{ ...changed, note: 'changed meanwhile' }] });
    await page.locator('main', { hasText: 'Changed meanwhile' }).waitFor({ state: 'attached' });
    site.emit('change', { at, id: 'o3', order: others });
    const gone = page.locator('h1', { hasText: 'No host is called web2' });
    await gone.waitFor({ state: 'attached' });
    expect(await reason.inputValue()).toBe('disk sw');
    expect(await page.locator(':focus').inputValue()).toBe('disk sw');
    await page.keyboard.press('End');
    await page.keyboard.type('ap');
    await page.getByRole('button', { name: 'Pause web2' }).click();
    await isSaid('web2 is paused');
    expect(listChanges().at(-1)?.body).toEqual({ status: 'paused', reason: 'disk swap' });
  });

  test('a pull begins with a dry run, which shows the paths, and then leads to its run', async () => {
    await showView(page, '#/hosts/web3', 'web3');
    await page.getByRole('button', { name: 'Pull …' }).click();
    await page.getByText('1,187 files (2.3 GB) would be fetched from other hosts.').waitFor();
    await page.getByText('uploads/photos/pier-7.jpg').waitFor();
    expect(await findViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Start the pull' }).click();
    await page.getByRole('heading', { name: 'Pull on web3', exact: true }).waitFor();
    expect(listChanges().map(({ address, body }) => [address, body])).toEqual([
      ['pull', { at: 'web3', hosts: [], dirs: [], dryRun: true }],
      ['pull', { at: 'web3', hosts: [], dirs: [], dryRun: false }],
    ]);
  });

  test('a passive host is served by the one that answers', async () => {
    await showView(page, '#/hosts/img1', 'img1');
    expect(await page.getByRole('button', { name: 'Pull …' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Push …' }).click();
    await page.getByText('would be sent to other hosts').waitFor();
    expect(listChanges().at(-1)?.body).toEqual({
      at: 'web1',
      hosts: ['img1'],
      dirs: [],
      dryRun: true,
    });
  });

  test('removals are approved by their count, with the count that was shown', async () => {
    await showView(page, '#/removals', 'Removals');
    await page.getByRole('button', { name: 'Remove them everywhere …' }).click();
    await page.getByLabel('Type 312 to confirm').fill('312');
    expect(await findViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Remove 312 files' }).click();
    await isSaid('The removals of uploads/products go on');
    expect(listChanges()).toEqual([
      {
        method: 'POST',
        address: 'removals/approve',
        body: { host: 'web2', dir: 'uploads/products', count: 312 },
      },
    ]);
  });

  test.each([
    ['Use this one …', 'Use this one', 'conflicts/use', 'The kept version is used now'],
    ['Let it go …', 'Let it go', 'conflicts/drop', 'The kept version is in the trash'],
  ])('a conflict is decided: %s', async (open, confirm, address, said) => {
    await showView(page, '#/conflicts', 'One file');
    await page.getByRole('button', { name: open }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/2\.2 MB/).waitFor();
    expect(await findViolations(page)).toEqual([]);
    await dialog.getByRole('button', { name: confirm, exact: true }).click();
    await isSaid(said);
    expect(listChanges().map((change) => change.address)).toEqual([address]);
  });

  test('a host is approved only by somebody who may, and else by a command', async () => {
    await showView(page, '#/hosts/web5', 'web5');
    await page.getByRole('button', { name: 'Compare its key …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('SHA256:q1Z8mC0vXhYk2r7Jt5bq9dWfLx3uN6aEoP4sGiTeRw0').waitFor();
    await dialog.getByText('npx syncmedia approve web5').waitFor();
    expect(await dialog.getByRole('button', { name: 'Approve web5' }).count()).toBe(0);
    await dialog.getByRole('button', { name: 'Close' }).click();
    site.session = { ...site.session, mayApprove: true };
    await page.reload();
    await page.getByRole('button', { name: 'Compare its key …' }).click();
    await dialog.getByRole('button', { name: 'Approve web5' }).click();
    await isSaid('web5 is approved');
    expect(listChanges().at(-1)).toMatchObject({
      address: 'hosts/id-web5/approve',
      body: { digest: 'd'.repeat(64) },
    });
  });

  test('testing a connection needs no question, and shows the remedy', async () => {
    await page.getByRole('button', { name: 'Test connection' }).first().click();
    await page.getByText('web3.example.com:22 did not answer within 10 s.').first().waitFor();
    expect(listChanges().map(({ address }) => address)).toEqual(['hosts/web3/test']);
  });

  test('a repair comes after its verification, and names the findings', async () => {
    await showView(page, '#/runs/97c2', 'Verification');
    await page.getByRole('button', { name: 'Repair what it found …' }).click();
    await page.getByText('On img1: 1 missing, 2 different.').waitFor();
    await page.getByRole('button', { name: 'Start the repair' }).click();
    await isSaid('The run is requested');
    expect(listChanges().at(-1)?.body).toMatchObject({ at: 'web1', repair: true });
  });

  test('a file of the trash is restored', async () => {
    await showView(page, '#/trash', 'Trash');
    await page
      .getByRole('button', { name: /^Restore uploads/ })
      .first()
      .click();
    await page.getByText('becomes the file on all 8 hosts').waitFor();
    await page.getByRole('button', { name: 'Restore it' }).click();
    await isSaid('The file is restored');
  });
});
