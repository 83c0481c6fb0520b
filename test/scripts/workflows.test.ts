import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rootDir } from '../docs/pages.js';

const folder = join(rootDir, '.github/workflows');
const workflows = readdirSync(folder).map((file) => ({
  file,
  text: readFileSync(join(folder, file), 'utf8'),
}));
const packageJson = JSON.parse(readFileSync(join(rootDir, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const matchAll = (pattern: RegExp): string[] =>
  workflows.flatMap(({ text }) => [...text.matchAll(pattern)].map(([, found = '']) => found));

test('every action is pinned by its commit, with the version beside it', () => {
  const used = matchAll(/^\s*(?:- )?uses: (.+)$/gm);
  expect(used.length).toBeGreaterThan(5);
  expect(used.filter((one) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v[\d.]+$/.test(one))).toEqual([]);
});

test('a workflow may only read, and one job of the release also asks for an identity', () => {
  const rights = workflows.map(({ file, text }) => ({
    file,
    atTop: /^permissions:(?: (\{\}))?\n(?: {2}(.+)\n)?/m.exec(text)?.slice(1).find(Boolean),
    writes: [...text.matchAll(/^\s+([\w-]+): write$/gm)].map(([, right]) => right),
  }));
  expect(rights).toEqual([
    { file: 'ci.yml', atTop: 'contents: read', writes: [] },
    { file: 'release.yml', atTop: '{}', writes: ['id-token'] },
  ]);
  expect(workflows.filter(({ text }) => text.includes('pull_request_target'))).toEqual([]);
});

test('no expression of an event becomes part of a script', () => {
  // A tag, a branch or a title may contain a command. Scripts get them by variables.
  const scripts = matchAll(/^\s*- run: (.*(?:\n {10,}.*)*)/gm).concat(
    matchAll(/^\s*run: (.*(?:\n {10,}.*)*)/gm),
  );
  expect(scripts.length).toBeGreaterThan(10);
  expect(scripts.filter((script) => script.includes('${{'))).toEqual([]);
});

test('every job has a limit of time', () => {
  for (const { text } of workflows)
    expect(text.match(/^ {4}timeout-minutes: \d+$/gm)).toHaveLength(
      text.match(/^ {4}runs-on: /gm)?.length ?? 0,
    );
});

test('every script and file that a workflow runs exists', () => {
  for (const script of matchAll(/\bnpm run ([\w:]+)/g))
    expect(Object.keys(packageJson.scripts)).toContain(script);
  for (const file of matchAll(/((?:scripts|test)\/[\w/.-]+\.(?:mjs|ts))/g))
    expect([file, existsSync(join(rootDir, file))]).toEqual([file, true]);
  for (const name of (/consumer: \[(.+)\]/.exec(workflows[0]?.text ?? '')?.[1] ?? '').split(', '))
    expect(existsSync(join(rootDir, `test/consumers/${name}.test.ts`))).toBe(true);
});
