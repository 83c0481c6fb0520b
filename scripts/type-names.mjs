import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * Exported types of `src` that share a name although they are declared in different files. A name
 * that means two things makes both harder to find.
 *
 * @param {string} src
 * @returns {string[]} one message for each name
 */
export function findSharedTypeNames(src) {
  /** @type {Map<string, string[]>} */
  const declared = new Map();
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(name)) continue;
    const text = readFileSync(join(src, name), 'utf8');
    const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest);
    for (const statement of file.statements) {
      if (!isExportedType(statement)) continue;
      const files = declared.get(statement.name?.text ?? '') ?? [];
      if (!files.includes(name)) declared.set(statement.name?.text ?? '', [...files, name]);
    }
  }
  return [...declared]
    .filter(([, files]) => files.length > 1)
    .map(([name, files]) => `the exported type ${name} is declared in ${files.join(' and ')}`);
}

/**
 * @param {ts.Statement} node
 * @returns {node is ts.ClassDeclaration | ts.InterfaceDeclaration | ts.TypeAliasDeclaration}
 */
function isExportedType(node) {
  const isType =
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isClassDeclaration(node);
  if (!isType) return false;
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}
