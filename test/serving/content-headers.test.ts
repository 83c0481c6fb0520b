import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeServed, type Served } from './served.js';
import { startWeb, type Web } from './web.js';

let served: Served, web: Web;
beforeAll(async () => {
  served = await makeServed();
  web = await startWeb((app) => {
    app.use('/uploads', served.serve());
    app.use('/trusting', served.serve({ trust: ['image/svg+xml'] }));
  });
});
afterAll(async () => {
  await web.close();
  await served.remove();
});

const sandbox = "sandbox; default-src 'none'";
type Row = [extension: string, type: string];

const shown: Row[] = [
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['avif', 'image/avif'],
  ['bmp', 'image/bmp'],
  ['tiff', 'image/tiff'],
  ['ico', 'image/vnd.microsoft.icon'],
  ['heic', 'image/heic'],
  ['jxl', 'image/jxl'],
  ['apng', 'image/apng'],
  ['mp3', 'audio/mpeg'],
  ['wav', 'audio/wav'],
  ['ogg', 'audio/ogg'],
  ['m4a', 'audio/mp4'],
  ['mp4', 'video/mp4'],
  ['webm', 'video/webm'],
  ['mov', 'video/quicktime'],
  ['pdf', 'application/pdf'],
  ['txt', 'text/plain; charset=utf-8'],
  ['PNG', 'image/png'],
];
const boxed: Row[] = [
  ['zip', 'application/zip'],
  ['gz', 'application/gzip'],
  ['json', 'application/json; charset=utf-8'],
  ['css', 'text/css; charset=utf-8'],
  ['csv', 'text/csv; charset=utf-8'],
  ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['md', 'text/markdown; charset=utf-8'],
  ['psd', 'image/vnd.adobe.photoshop'],
  ['unheardof', 'application/octet-stream'],
  ['exe', 'application/x-msdos-program'],
  ['wasm', 'application/wasm'],
];
const saved: Row[] = [
  ['html', 'text/html; charset=utf-8'],
  ['htm', 'text/html; charset=utf-8'],
  ['HTML', 'text/html; charset=utf-8'],
  ['xhtml', 'application/xhtml+xml'],
  ['xml', 'application/xml'],
  ['svg', 'image/svg+xml'],
  ['svgz', 'image/svg+xml'],
  ['js', 'text/javascript; charset=utf-8'],
  ['mjs', 'text/javascript; charset=utf-8'],
  ['xsl', 'application/xml'],
  ['mml', 'text/mathml; charset=utf-8'],
  ['rss', 'application/rss+xml'],
  ['atom', 'application/atom+xml'],
  ['mht', 'message/rfc822'],
  ['swf', 'application/x-shockwave-flash'],
];

async function headersOf(name: string, mount = 'uploads'): Promise<Record<string, unknown>> {
  await served.write(`uploads/${name}`, 'content');
  const { status, headers, body } = await web.get(`/${mount}/${name}`);
  expect([status, body.toString()]).toEqual([200, 'content']);
  expect(headers['x-content-type-options']).toBe('nosniff');
  return {
    type: headers['content-type'],
    policy: headers['content-security-policy'],
    disposition: headers['content-disposition'],
  };
}

describe('an upload', () => {
  test.each(shown)('.%s is shown as %s', async (extension, type) => {
    expect(await headersOf(`file.${extension}`)).toEqual({
      type,
      policy: undefined,
      disposition: undefined,
    });
  });
  test.each(boxed)('.%s is sent as %s, in a sandbox', async (extension, type) => {
    expect(await headersOf(`file.${extension}`)).toEqual({
      type,
      policy: sandbox,
      disposition: undefined,
    });
  });
  test.each(saved)('.%s (%s) is saved, not opened, and in a sandbox', async (extension, type) => {
    expect(await headersOf(`file.${extension}`)).toEqual({
      type,
      policy: sandbox,
      disposition: 'attachment',
    });
  });
  test('without an extension is a stream of bytes', async () => {
    expect(await headersOf('README')).toEqual({
      type: 'application/octet-stream',
      policy: sandbox,
      disposition: undefined,
    });
  });
  test('of a type that the app trusts is shown as it is, and no other', async () => {
    expect(await headersOf('trusted.svg', 'trusting')).toEqual({
      type: 'image/svg+xml',
      policy: undefined,
      disposition: undefined,
    });
    expect(await headersOf('other.html', 'trusting')).toMatchObject({
      policy: sandbox,
      disposition: 'attachment',
    });
  });
});
