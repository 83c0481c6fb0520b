import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findFolderCycles } from '../../scripts/folder-cycles.mjs';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let src: TestDir;
beforeEach(async () => {
  src = await makeTestDir();
});
afterEach(async () => {
  await src.remove();
});

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(src.path, name)), { recursive: true });
    await writeFile(join(src.path, name), text);
  }
}

it('finds none where each folder needs only earlier ones', async () => {
  await write({
    'index.ts': "export * from './later/b.js';",
    'words.ts': '',
    'early/a.ts': "import { word } from '../words.js';\nimport { other } from './other.js';",
    'later/b.ts': "import { a } from '../early/a.js';\nimport express from 'express';",
  });
  expect(findFolderCycles(src.path)).toEqual([]);
});

it('finds one that goes through several files, types and dynamic imports included', async () => {
  await write({
    'one/a.ts': "import {\n  type B,\n} from '../two/b.js';",
    'two/deep/c.ts': "const d = await import('../../three/d.js');",
    'three/d.ts': "export { a } from '../one/other.js';",
  });
  expect(findFolderCycles(src.path)).toEqual([['one', 'two', 'three', 'one']]);
});
