import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exitCodes } from '../src/cli/exit-codes.js';

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const readme = read('README.md');

/** The rows of the table below a heading of a page, by their first cell. */
function tableBelow(page: string, heading: string): Record<string, string> {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = [...section.matchAll(/^\| `?([^|`]+)`? +\| (.+) \|$/gm)].map(
    ([, name = '', text = '']): [string, string] => [name.trim(), text.trim()],
  );
  return Object.fromEntries(rows.filter(([name]) => name !== 'code'));
}

test('the page of the commands lists every exit code', () => {
  const table = tableBelow(read('docs/commands/index.md'), 'Exit codes');
  expect(Object.fromEntries(Object.entries(table).filter(([name]) => /^\d+$/.test(name)))).toEqual(
    Object.fromEntries(Object.entries(exitCodes).map(([code, text]) => [code, text])),
  );
});

test('the README, the pages about restarts and the example end the app in order', () => {
  for (const text of [readme, read('docs/five-minutes.md')])
    for (const part of ['SIGTERM', 'sync.close()'])
      expect(text.split(part).length).toBeGreaterThanOrEqual(3);
  for (const text of [read('docs/upgrades.md'), read('examples/upload-app/app.ts')])
    for (const part of ['SIGTERM', 'SIGINT', 'sync.close()']) expect(text).toContain(part);
});

describe('SECURITY.md', () => {
  const security = readFileSync(new URL('../SECURITY.md', import.meta.url), 'utf8'),
    tables = security.split('\n## Who can do what\n')[1]?.split('\n## ')[0] ?? '';
  const here = 'test/security/';
  const named = (text: string): string[] =>
    [...text.matchAll(/`([\w/-]+\.test\.ts)`/g)].map(([, file = '']) =>
      file.startsWith('test/') ? file : `${here}${file}`,
    );

  test('names a test for everything that somebody cannot do', () => {
    const rows = tables
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| can |'));
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => named(row).length === 0 && !/ \| – \| – \|$/.test(row))).toEqual(
      [],
    );
  });

  test('names tests that are there, and every one of this kind', () => {
    const root = new URL('../', import.meta.url);
    expect(named(security).filter((file) => !existsSync(new URL(file, root)))).toEqual([]);
    const all = readdirSync(new URL(here, root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `${here}${file}`);
    expect(all.filter((file) => !named(security).includes(file))).toEqual([]);
  });
});
