import { afterEach, beforeEach, expect, it } from 'vitest';
import { findNominalClauses } from '../../scripts/nominal-clauses.mjs';
import { findSharedTypeNames } from '../../scripts/type-names.mjs';
import { makeSourceTree, type SourceTree } from './source-tree.js';

let src: SourceTree;
beforeEach(async () => {
  src = await makeSourceTree();
});
afterEach(async () => {
  await src.remove();
});

it('finds a type name that two files export', async () => {
  await src.write({
    'a/one.ts': 'export interface Answer { a: 1 }\ninterface Local { b: 1 }',
    'b/two.ts': 'export type Answer = 2;\ninterface Local { c: 1 }\nexport class Other {}',
    'b/three.ts': "export type { Answer } from './two.js';",
  });
  expect(findSharedTypeNames(src.path)).toHaveLength(1);
  expect(findSharedTypeNames(src.path)[0]).toMatch(
    /Answer .*one\.ts.*two\.ts|Answer .*two\.ts.*one\.ts/,
  );
});

it('counts overloads and merged declarations of one file as one name', async () => {
  await src.write({ 'a.ts': 'export interface A { a: 1 }\nexport interface A { b: 1 }' });
  expect(findSharedTypeNames(src.path)).toEqual([]);
});

it('finds clauses without a subject in comments, and none in code', async () => {
  await src.write({
    'a.ts': "/** Stores what is pending. */\nconst text = 'what is it';\nrun(); // Whoever calls\n",
  });
  expect(findNominalClauses(src.path)).toEqual(['a.ts:1: what is', 'a.ts:3: Whoever']);
});
