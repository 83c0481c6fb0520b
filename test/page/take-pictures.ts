// The pictures of docs/admin-page.md: npm run docs:pictures
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions } from 'playwright-core';
import sharp from 'sharp';
import { launchBrowser, openPage, phone, showView } from './browser.js';
import { startFakeSite } from './fake-site.js';

const pictures: readonly [name: string, hash: string, options: BrowserContextOptions][] = [
  ['overview', '#/', {}],
  ['files', '#/files?q=Order+4711', {}],
  ['dark', '#/', { colorScheme: 'dark' }],
  ['phone', '#/', { viewport: phone }],
];

const folder = process.argv[2] ?? fileURLToPath(new URL('../../docs/', import.meta.url));
const site = await startFakeSite();
const browser = await launchBrowser();
try {
  for (const [name, hash, options] of pictures) {
    const { page, close } = await openPage(browser, site.url, options);
    await showView(page, hash);
    await page.getByRole('table').first().waitFor();
    await page.mouse.move(5, 5);
    const picture = await page.screenshot({ fullPage: name !== 'phone' });
    await sharp(picture)
      .png({ palette: true, effort: 10 })
      .toFile(`${folder}/admin-page-${name}.png`);
    await close();
  }
} finally {
  await browser.close();
  await site.close();
}
