import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { refusalCodes } from '../src/admin/refusal.js';
import { exitCodes } from '../src/cli/exit-codes.js';
import { codes } from '../src/errors/errors.js';
import { listVariables } from '../src/options/environment.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** The rows of the table below a heading, by their first cell. */
function tableBelow(heading: string): Record<string, string> {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = [...section.matchAll(/^\| `?([^|`]+)`? +\| (.+) \|$/gm)].map(([, name = '', text = '']): [string, string] => [name.trim(), text.trim()]);
  return Object.fromEntries(rows.filter(([name]) => name !== 'code'));
}

test('the README lists every error code, as the code has it', () => {
  expect(tableBelow('Errors')).toEqual({ ...codes, ...refusalCodes });
});

test('the README lists every exit code', () => {
  const table = tableBelow('The command line');
  expect(Object.fromEntries(Object.entries(table).filter(([name]) => /^\d+$/.test(name)))).toEqual(
    Object.fromEntries(Object.entries(exitCodes).map(([code, text]) => [code, text])));
});

test('the README names every environment variable', () => {
  const section = readme.split('\n## Environment\n')[1]?.split('\n## ')[0] ?? '';
  const missing = listVariables().filter((name) => !section.includes(`\`${name}\``));
  expect(missing).toEqual([]);
});

test('the README and the example end the app in order', () => {
  const example = readFileSync(new URL('../examples/upload-app/app.ts', import.meta.url), 'utf8');
  const minutes = readme.split('\n## Five minutes\n')[1]?.split('\n## ')[0] ?? '';
  for (const text of [minutes, example]) {
    for (const part of ['SIGTERM', 'SIGINT', 'sync.close()']) expect(text).toContain(part);
  }
});
