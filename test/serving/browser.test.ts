import express from 'express';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findBrowser } from '../../scripts/browser.mjs';
import { createAdmin } from '../../src/admin/create-admin.js';
import { RecordingInstance } from '../admin/recording-instance.js';
import { until } from '../harness/wait.js';
import { makeServed, type Served } from './served.js';
import { startWeb, type Web } from './web.js';

const executablePath = await findBrowser();
const attack = `
  fetch('/sync-admin/push', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}', credentials: 'include' });
  new Image().src = '/beacon';`;
const uploads = {
  'evil.html': `<!doctype html><title>evil</title><script>${attack}</script>`,
  'form.html':
    `<!doctype html><title>form</title><body ` +
    `onload="document.forms[0].submit()"><form method="post" action="/sync-admin/push" ` +
    `enctype="text/plain"><input name="a"></form>`,
  'refresh.html':
    '<!doctype html><meta http-equiv="refresh" content="0;url=/beacon"><img src="/beacon">',
  'evil.xhtml': `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>evil</title></head><body><script>${attack.replaceAll('&', '&amp;')}</script></body></html>`,
  'evil.svg':
    `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" ` +
    `height="10" fill="red"/><script><![CDATA[${attack}]]></script></svg>`,
  'evil.xml':
    `<?xml version="1.0"?><x:html ` +
    `xmlns:x="http://www.w3.org/1999/xhtml"><x:script><![CDATA[${attack}]]></x:script></x:html>`,
  'picture.svg':
    '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" ' +
    'height="10" fill="red"/></svg>',
} as const;

// The admin is signed in, by a cookie that goes along by itself; the router takes changes of its
// own origin.
describe.skipIf(executablePath === undefined)(
  'an upload opened in Chromium (where there is none: node scripts/setup.mjs --for tests)',
  () => {
    let served: Served, web: Web, browser: Browser, page: Page;
    let posted: string[] = [],
      beacons = 0;

    beforeAll(async () => {
      served = await makeServed();
      for (const [name, content] of Object.entries(uploads))
        await served.write(`uploads/${name}`, content);
      web = await startWeb((app) => {
        app.use('/sync-admin', (request, response, next) => {
          if (request.method === 'POST')
            response.on('finish', () => {
              posted.push(`${request.path} ${String(response.statusCode)}`);
            });
          next();
        });
        app.use(
          '/sync-admin',
          createAdmin(new RecordingInstance(), {
            authorize: ({ headers }) => headers.cookie?.includes('session=admin') === true,
            log: { info: () => undefined, warn: () => undefined, error: () => undefined },
          }),
        );
        app.get('/beacon', (_request, response) => {
          beacons++;
          response.sendStatus(204);
        });
        app.get('/page', ({ query: { html } }, response) => {
          response
            .type('html')
            .send(`<!doctype html><title>page</title>${typeof html === 'string' ? html : ''}`);
        });
        app.use('/plain', express.static(`${served.root}/uploads`));
        app.use('/uploads', served.serve());
        // The sandbox by itself: as if the browser had opened the file that it was told to save.
        app.use(
          '/opened',
          served.serve({
            setHeaders: (response) => {
              response.removeHeader('Content-Disposition');
            },
          }),
        );
      });
      browser = await chromium.launch({
        executablePath: executablePath ?? '',
        args: [
          ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
          '--disable-gpu',
          '--disable-quic',
          '--no-first-run',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
        ],
      });
    }, 60_000);
    afterAll(async () => {
      await browser.close();
      await web.close();
      await served.remove();
    });
    beforeEach(async () => {
      [posted, beacons] = [[], 0];
      const context = await browser.newContext();
      await context.addCookies([
        { name: 'session', value: 'admin', url: web.url, sameSite: 'Strict' },
      ]);
      page = await context.newPage();
    });
    afterEach(() => page.context().close());

    /** Opens an address as a visitor does; true where the browser saved it instead. */
    async function open(address: string): Promise<boolean> {
      const download = page.waitForEvent('download', { timeout: 15_000 }).then(
        () => true,
        () => false,
      );
      const opened = await page.goto(`${web.url}${address}`, { waitUntil: 'load' }).then(
        () => true,
        () => false,
      );
      const saved = opened ? false : await download;
      // What the page began to send is on its way before another page is there.
      await page.goto(`${web.url}/page`, { waitUntil: 'networkidle' });
      return saved;
    }

    test.each(['evil.html', 'evil.svg', 'evil.xhtml', 'evil.xml'])(
      '%s would act if it were served as any file',
      async (name) => {
        await page.goto(`${web.url}/plain/${name}`, { waitUntil: 'load' });
        await until(() => posted.length > 0 && beacons > 0);
        expect(posted).toEqual(['/push 202']);
      },
    );

    test.each(['evil.html', 'evil.svg', 'evil.xhtml', 'evil.xml', 'form.html', 'refresh.html'])(
      '%s is saved, and sends nothing',
      async (name) => {
        expect(await open(`/uploads/${name}`)).toBe(true);
        expect([posted, beacons]).toEqual([[], 0]);
      },
    );

    test.each(['evil.html', 'evil.svg', 'evil.xhtml', 'evil.xml', 'form.html'])(
      '%s sends nothing even where a browser opens it',
      async (name) => {
        expect(await open(`/opened/${name}`)).toBe(false);
        expect([posted, beacons]).toEqual([[], 0]);
      },
    );

    test.each(['iframe src', 'embed src', 'object data'])(
      "%s of the app's own page lets it send nothing",
      async (element) => {
        for (const name of ['evil.html', 'evil.svg']) {
          for (const mount of ['uploads', 'opened']) {
            await open(
              `/page?html=${encodeURIComponent(`<${element}="/${mount}/${name}"></${element.split(' ')[0] ?? ''}>`)}`,
            );
          }
        }
        expect([posted, beacons]).toEqual([[], 0]);
      },
    );

    test('a picture in SVG is still shown in a page', async () => {
      await page.goto(
        `${web.url}/page?html=${encodeURIComponent('<img src="/uploads/picture.svg">')}`,
        { waitUntil: 'load' },
      );
      expect(
        await page
          .locator('img')
          .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
      ).toBe(10);
    });
  },
);
