import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { readPage, rootDir } from './pages.js';

const { text: page } = readPage('docs/api.md');

function parse(file: string): ts.SourceFile {
  const text = readFileSync(join(rootDir, file), 'utf8');
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
}

function listExports(file: string): string[] {
  return parse(file).statements.flatMap((statement) => {
    if (ts.isFunctionDeclaration(statement) && statement.name)
      return ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
        ? [statement.name.text]
        : [];
    return ts.isExportDeclaration(statement) &&
      statement.exportClause &&
      ts.isNamedExports(statement.exportClause)
      ? statement.exportClause.elements.map(({ name }) => name.text)
      : [];
  });
}

function findInterface(file: string, name: string): ts.InterfaceDeclaration | undefined {
  return parse(file).statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === name,
  );
}

function listNames(members: Iterable<ts.TypeElement>): string[] {
  return [...members].flatMap(({ name }) => (name ? [name.getText()] : []));
}

function listMembers(file: string, name: string): string[] {
  return listNames(findInterface(file, name)?.members ?? []);
}

/** Whether the page has the name in backticks, alone or with arguments. */
const isNamed = (name: string): boolean => new RegExp(`\`${name}(\\(|\`)`).test(page);

test('docs/api.md names every export of the package', () => {
  const exports = listExports('src/index.ts');
  expect(exports.length).toBeGreaterThan(40);
  expect(exports.filter((name) => !isNamed(name))).toEqual([]);
});

test('docs/api.md names every member of an instance', () => {
  const members = listMembers('src/api/sync-media.ts', 'SyncMedia');
  expect(members).toContain('capture');
  expect(members.filter((name) => !isNamed(name))).toEqual([]);
});

test('docs/api.md names the methods of each member that has some', () => {
  const instance = findInterface('src/api/sync-media.ts', 'SyncMedia');
  const methods = new Map([['history', listMembers('src/api/history.ts', 'HistoryActions')]]);
  for (const member of instance?.members ?? [])
    if (ts.isPropertySignature(member) && member.type && ts.isTypeLiteralNode(member.type))
      methods.set(member.name.getText(), listNames(member.type.members));
  expect(methods.get('hosts')).toContain('purge');
  const rows = page.split('\n');
  const missing = [...methods].flatMap(([member, names]) => {
    const row = rows.find((line) => line.startsWith(`| \`${member}\` |`)) ?? '';
    return names.filter((name) => !row.includes(`\`${name}\``)).map((name) => `${member}.${name}`);
  });
  expect(missing).toEqual([]);
});

test('docs/api.md names every event', () => {
  const events = listMembers('src/model/events.ts', 'Events');
  expect(events).toContain('recorded');
  expect(events.filter((name) => !isNamed(name))).toEqual([]);
});
