import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { listCodeBlocks, listUserPages, rootDir } from './pages.js';

const blocks = listUserPages().flatMap(listCodeBlocks);

/** What samples use without declaring it. A sample that declares such a name has its own. */
const ambient = `
import type { Express } from 'express';
import type { Model, Schema } from 'mongoose';
import type { SyncMediaInstance } from 'syncmedia';
declare global {
  const app: Express;
  const sync: SyncMediaInstance;
  const photoSchema: Schema;
  const articleSchema: Schema;
  const invoiceSchema: Schema;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const Photo: Model<any>;
  const photo: { _id: unknown; save(): Promise<unknown> };
}
`;

/** Type-checks virtual files in one program, against the source of this package. */
function checkTypes(files: ReadonlyMap<string, string>): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    allowJs: true,
    checkJs: true,
    skipLibCheck: true,
    noEmit: true,
    paths: {
      syncmedia: [join(rootDir, 'src/index.ts')],
      'syncmedia/testing': [join(rootDir, 'src/testing/index.ts')],
    },
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists.call(host, file);
  host.readFile = (file) => files.get(file) ?? readFile.call(host, file);
  host.getSourceFile = (file, version, ...rest) => {
    const text = files.get(file);
    return text === undefined
      ? getSourceFile.call(host, file, version, ...rest)
      : ts.createSourceFile(file, text, version, true);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()]
    .flatMap((file) => {
      const source = program.getSourceFile(file);
      return [
        ...program.getSyntacticDiagnostics(source),
        ...program.getSemanticDiagnostics(source),
      ];
    })
    .map(
      ({ file, start, messageText }) =>
        `${file?.fileName.slice(rootDir.length) ?? ''}:` +
        `${String((file?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0) + 1)}: ` +
        ts.flattenDiagnosticMessageText(messageText, '\n'),
    );
}

test('every code block names its language, and is checked or is no code of ours', () => {
  const checked = ['ts', 'js', 'sh', 'json', 'nginx'];
  const shown = ['text', 'ini', 'mermaid'];
  expect(
    blocks
      .filter(({ language }) => ![...checked, ...shown].includes(language))
      .map(({ page, language, code }) => `${page}: ${language}: ${code.slice(0, 40)}`),
  ).toEqual([]);
});

test('every TypeScript and JavaScript sample is type-correct', () => {
  const folder = join(rootDir, 'test/docs/samples');
  const files = new Map([[join(folder, 'ambient.ts'), ambient]]);
  blocks
    .filter(({ language }) => language === 'ts' || language === 'js')
    .forEach(({ page, language, code }, index) => {
      const name = page.replaceAll(/[^a-z]+/gi, '-');
      // A sample without imports is a module, too.
      const text = language === 'ts' ? `${code}\nexport {};\n` : code;
      files.set(join(folder, `${name}-${String(index)}.${language === 'ts' ? 'ts' : 'cjs'}`), text);
    });
  expect(files.size).toBeGreaterThan(15);
  files.set(
    join(folder, 'wrong.ts'),
    "import { syncMedia } from 'syncmedia';\nphotoSchema.plugin(syncMedia, { syncDir: 'a' });\n",
  );
  const faults = checkTypes(files);
  // The control: a sample with a mistyped option.
  const isControl = (fault: string): boolean => fault.includes('/wrong.ts:');
  expect(faults.filter(isControl)).toHaveLength(1);
  expect(faults.filter((fault) => !isControl(fault))).toEqual([]);
}, 300_000);

test('every JSON sample can be parsed', () => {
  for (const { language, code } of blocks)
    if (language === 'json') expect(() => JSON.parse(code) as unknown).not.toThrow();
});
