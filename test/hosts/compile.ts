import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Compiles a program of ours and what it imports, so that many processes of it start quickly.
 * @param program relative to the project
 * @returns the file to run with node
 */
export async function compile(program: string, into: string): Promise<string> {
  const done = new Set<string>();
  const compileOne = async (file: string): Promise<void> => {
    if (done.has(file)) return;
    done.add(file);
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
    const { outputText } = ts.transpileModule(await readFile(file, 'utf8'), {
      compilerOptions: options,
    });
    const to = join(into, relative(root, file)).replace(/\.ts$/, '.js');
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, outputText);
    const imports = [...outputText.matchAll(/from ['"](\.[^'"]+)\.js['"]/g)].map(([, path]) =>
      join(dirname(file), `${path ?? ''}.ts`),
    );
    await Promise.all(imports.map(compileOne));
  };
  await compileOne(join(root, program));
  await writeFile(join(into, 'package.json'), '{ "type": "module" }');
  return join(into, program).replace(/\.ts$/, '.js');
}
