import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPage, rootDir } from '../docs/pages.js';

/** All files of the examples that are configuration or text. */
const files = readdirSync(join(rootDir, 'examples'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(md|mjs|cjs|ts|yaml|conf|service)$|file[^/]*$/i.test(file))
  .filter((file) => !file.includes('node_modules'));

test('every variable that an example sets exists', () => {
  const known = new Set(
    [
      readPage('docs/reference.md').text,
      readFileSync(join(rootDir, 'container/entrypoint.sh'), 'utf8'),
    ].flatMap((text) => [...text.matchAll(/\bSYNCMEDIA_[A-Z_]+\b/g)].map(([name]) => name)),
  );
  const used = files.flatMap((file) => {
    const text = readFileSync(join(rootDir, 'examples', file), 'utf8');
    return [...text.matchAll(/\bSYNCMEDIA_[A-Z_]+\b/g)].map(([name]) => `${file}: ${name}`);
  });
  expect(used.length).toBeGreaterThan(30);
  expect(used.filter((one) => !known.has(one.split(': ')[1] ?? ''))).toEqual([]);
});
