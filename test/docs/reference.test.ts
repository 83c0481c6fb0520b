import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { describeDefault, fillMetrics, fillReference } from '../../scripts/reference-tables.mjs';
import { adminOptions } from '../../src/admin/admin-options.js';
import { historyOptions } from '../../src/config/history-options.js';
import { instanceOptions } from '../../src/config/instance-options.js';
import type { OptionDefinition } from '../../src/config/option-definition.js';
import { pluginOptions } from '../../src/config/plugin-options.js';
import { readyLimits } from '../../src/config/ready-limits.js';
import { waitOptions } from '../../src/config/wait-options.js';
import {
  errorCatalogue,
  makeErrorAnchor,
  referencePath,
  refusalCatalogue,
} from '../../src/model/error-catalogue.js';
import { SyncMediaError } from '../../src/model/errors.js';
import { serveOptions } from '../../src/serving/serve-options.js';
import { listAnchors, readPage, rootDir } from './pages.js';

const { text: page } = readPage('docs/reference.md');

test('docs/reference.md has the tables that `npm run docs:tables` makes', async () => {
  expect(page).toBe(await fillReference(page));
});

test('docs/metrics.md has the table that `npm run docs:tables` makes', async () => {
  const metrics = readPage('docs/metrics.md').text;
  expect(metrics).toBe(await fillMetrics(metrics));
});

describe('the doc comments of options agree with the tables', () => {
  test.each<[file: string, type: string, Readonly<Record<string, OptionDefinition>>]>([
    ['src/config/config.ts', 'PluginOptions', pluginOptions],
    ['src/config/config.ts', 'SyncMediaOptions', instanceOptions],
    ['src/config/config.ts', 'HistoryOptions', historyOptions],
    ['src/serving/serve-options.ts', 'ServeOptions', serveOptions],
    ['src/config/ready-limits.ts', 'ReadyLimits', readyLimits],
    ['src/config/wait-options.ts', 'WaitOptions', waitOptions],
    ['src/admin/admin-options.ts', 'AdminOptions', adminOptions],
  ])('%s: %s', (file, type, definitions) => {
    const expected = Object.entries(definitions).map(([name, definition]) => {
      const byDefault = describeDefault(definition);
      const sentence =
        byDefault === undefined
          ? ''
          : definition.default === undefined
            ? ` Default ${byDefault}.`
            : ` Default: ${byDefault}.`;
      return [name, `${definition.description}${sentence}`];
    });
    expect(readDocComments(file, type)).toEqual(Object.fromEntries(expected));
  });
});

test('the `docs` of an error is the address of its code in the reference', () => {
  const { name, files } = JSON.parse(readFileSync(join(rootDir, 'package.json'), 'utf8')) as {
    name: string;
    files: string[];
  };
  expect(files).toContain('docs/reference.md');
  expect(referencePath).toBe(`${name}/docs/reference.md`);
  expect(new SyncMediaError('BAD_OPTION', 'x').docs).toBe(`${referencePath}#error-bad_option`);
  const anchors = listAnchors(page);
  const codes = [...Object.keys(errorCatalogue), ...Object.keys(refusalCatalogue)];
  expect(codes.filter((code) => !anchors.includes(makeErrorAnchor(code)))).toEqual([]);
});

/** The doc comments of an interface's members, each on one line. */
function readDocComments(file: string, type: string): Record<string, string> {
  const text = readFileSync(join(rootDir, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const found = source.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === type,
  );
  return Object.fromEntries(
    (found?.members ?? []).map((member) => [
      member.name?.getText() ?? '',
      ts
        .getJSDocCommentsAndTags(member)
        .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
        .join(' ')
        .replaceAll(/\s+/g, ' '),
    ]),
  );
}
