import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));
const app = 'test/random/app.ts';

/**
 * Translates the source and the app to plain modules below `to`, file by file and without a look at
 * types: a process of an app begins in a third of the time that a loader takes, and all processes
 * of a run have the same code.
 *
 * @returns the app's file
 */
export async function compileApp(to: string): Promise<string> {
  const sources = (await readdir(join(root, 'src'), { recursive: true })).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.d.ts'),
  );
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
  };
  for (const file of [...sources.map((one) => join('src', one)), app]) {
    const { outputText } = ts.transpileModule(await readFile(join(root, file), 'utf8'), {
      compilerOptions,
    });
    const target = join(to, asScript(file));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, outputText);
  }
  await writeFile(join(to, 'package.json'), '{ "type": "module" }\n');
  await symlink(join(root, 'node_modules'), join(to, 'node_modules'));
  return join(to, asScript(app));
}

function asScript(file: string): string {
  return file.replace(/\.ts$/, '.js');
}
