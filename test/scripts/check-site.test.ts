import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSite, findForeignLoads } from '../../scripts/check-site.mjs';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let dir: TestDir;
beforeAll(async () => {
  dir = await makeTestDir();
});
afterAll(() => dir.remove());

test.each([
  '<script src="https://cdn.example.com/a.js"></script>',
  '<script async src=//cdn.example.com/a.js></script>',
  '<img alt="" src="http://example.com/a.png">',
  '<link rel="stylesheet" href="https://fonts.example.com/css">',
  '@font-face { src: url("https://fonts.example.com/a.woff2") }',
  '@import "https://example.com/a.css";',
])('finds the request of %s', (text) => {
  expect(findForeignLoads(text)).toHaveLength(1);
});

test.each([
  '<a href="https://example.com/">a link that a reader follows</a>',
  '<script src="/assets/a.js"></script>',
  '@font-face { src: url(/assets/a.woff2) }',
])('finds no request in %s', (text) => {
  expect(findForeignLoads(text)).toEqual([]);
});

test('names the file of a request, and counts pages', async () => {
  await mkdir(join(dir.path, 'sub'));
  await writeFile(join(dir.path, 'index.html'), '<p>fine</p>');
  await writeFile(join(dir.path, 'sub/a.html'), '<img src="https://example.com/a.png">');
  expect(checkSite(dir.path)).toEqual({
    pages: 2,
    loads: ['sub/a.html loads https://example.com/a.png'],
  });
});
