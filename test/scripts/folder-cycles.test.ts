import { afterEach, beforeEach, expect, it } from 'vitest';
import { findFolderCycles } from '../../scripts/folder-cycles.mjs';
import { makeSourceTree, type SourceTree } from './source-tree.js';

let src: SourceTree;
beforeEach(async () => {
  src = await makeSourceTree();
});
afterEach(async () => {
  await src.remove();
});

it('finds none where each folder needs only earlier ones', async () => {
  await src.write({
    'index.ts': "export * from './later/b.js';",
    'words.ts': '',
    'early/a.ts': "import { word } from '../words.js';\nimport { other } from './other.js';",
    'later/b.ts': "import { a } from '../early/a.js';\nimport express from 'express';",
  });
  expect(findFolderCycles(src.path)).toEqual([]);
});

it('finds a cycle through several files, types and dynamic imports included', async () => {
  await src.write({
    'one/a.ts': "import {\n  type B,\n} from '../two/b.js';",
    'two/deep/c.ts': "const d = await import('../../three/d.js');",
    'three/d.ts': "export { a } from '../one/other.js';",
  });
  expect(findFolderCycles(src.path)).toEqual([['one', 'two', 'three', 'one']]);
});
