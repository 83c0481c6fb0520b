import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

/** Source files below a directory of their own, for the checks of `npm run lint`. */
export interface SourceTree extends TestDir {
  write(files: Readonly<Record<string, string>>): Promise<void>;
}

export async function makeSourceTree(): Promise<SourceTree> {
  const dir = await makeTestDir();
  return {
    ...dir,
    async write(files) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(dir.path, name)), { recursive: true });
        await writeFile(join(dir.path, name), text);
      }
    },
  };
}
